#!/bin/bash
# 23-arp-reload: 23-reload for arpproxyd and arpproxyctl.
exec "$(dirname "$0")/23-reload.t" arpproxyd
