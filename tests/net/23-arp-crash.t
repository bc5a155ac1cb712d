#!/bin/bash
# 23-arp-crash: 23-crash for arpproxyd and arpproxyctl.
exec "$(dirname "$0")/23-crash.t" arpproxyd
