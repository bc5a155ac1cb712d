/* The filter in the kernel, of ndproxyd: see filter_frames.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../ndproxyd/ndp.h"
#include "ndp_frames.h"

#define TARGET  "2800:110:2::34"
#define NETWORK "2800:110:2::/64"
#define WIDER   "2800::/12"
#define SOURCE  "2800:110:2::1"
#define OTHER   "2001:db8::1"
#include "filter_frames.h"
