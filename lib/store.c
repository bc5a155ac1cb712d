/* store: see store.h. */
#include "store.h"

static int store_write(void *state, const struct spec *guest)
{
	return state_write(state, guest);
}

static int store_put(void *state, const char *name)
{
	return state_put(state, name);
}

static int store_drop(void *state, const char *name)
{
	return state_drop(state, name);
}

static int store_remove(void *state, const char *name)
{
	return state_remove(state, name);
}

struct runtime_store store_of(struct state *s)
{
	return (struct runtime_store){.ctx = s,
		.write = store_write,
		.put = store_put,
		.drop = store_drop,
		.remove = store_remove};
}
