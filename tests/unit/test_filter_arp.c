/* The filter in the kernel, of arpproxyd: see filter_frames.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../arpproxyd/arp.h"
#include "arp_frames.h"

#define TARGET  "192.0.2.34"
#define NETWORK "192.0.2.0/24"
#define WIDER   "192.0.0.0/9"
#define SOURCE  "192.0.2.1"
#define OTHER   "198.51.100.1"
#include "filter_frames.h"
