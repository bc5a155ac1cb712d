#!/bin/bash
# 23-arp-state: 23-state for arpproxyd and arpproxyctl.
exec "$(dirname "$0")/23-state.t" arpproxyd
