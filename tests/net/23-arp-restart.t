#!/bin/bash
# 23-arp-restart: 23-restart for arpproxyd and arpproxyctl.
exec "$(dirname "$0")/23-restart.t" arpproxyd
