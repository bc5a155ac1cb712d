#!/bin/bash
# 16-arp-badconf: 08-badconf for arpproxyd.
exec "$(dirname "$0")/08-badconf.t" arpproxyd
