#!/bin/bash
# 15-arp-control: 05-control for arpproxyd and arpproxyctl.
exec "$(dirname "$0")/05-control.t" arpproxyd
