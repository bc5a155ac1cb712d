#!/bin/bash
# 21-arp-batch: 17-batch for arpproxyd and arpproxyctl.
exec "$(dirname "$0")/17-batch.t" arpproxyd
