/*
 * store: where run-time guests are kept, as runtime wants it: the state directory.
 */
#ifndef STORE_H
#define STORE_H

#include "runtime.h"
#include "state.h"

struct runtime_store store_of(struct state *s);

#endif
