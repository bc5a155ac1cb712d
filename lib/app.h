/*
 * app: a daemon: the command line, the wiring of the modules, the event loop.
 *
 * Life cycle: options and configuration (with -n that is all), then the lock on the state directory
 * and the sockets, then privileges are dropped, then run-time guests and the kernel's tables are
 * read, then the service manager is told that we are ready. From then on an error costs one
 * packet, one interface or one client.
 */
#ifndef APP_H
#define APP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "conf.h"
#include "engine.h"
#include "filter.h"
#include "msg.h"
#include "runtime.h"
#include "state.h"

/* Runs the daemon of this protocol; returns the exit status: 0 a clean stop or a good
 * configuration, 1 a bad one, 2 usage, 3 the system refuses what the daemon cannot do without. */
int app_main(const struct codec *codec, int argc, char **argv);

/* What command.c needs of the daemon. */
struct app {
	const struct codec *codec;
	struct conf *conf;
	struct engine *engine;
	struct runtime *runtime;
	struct state *state;
	const char *conf_path, *socket_path, *state_dir;
	uint64_t started;                            /* ms of the monotonic clock */
	STAILQ_HEAD(, state_warning) state_warnings; /* app_guests.c's own: files set aside */
	char *reload_failed; /* why the configuration on disk is not in force; NULL: it is */
	int ifindex_fd;      /* a socket to ask the kernel for an interface; -1: none */
	struct command_batch *batch;         /* command_guest.c's own memory */
	STAILQ_HEAD(, command_wait) waiting; /* command_wait.c's: requests; */
	json_int_t waited;                   /* the last one's number; */
	uint64_t holds;                      /* engine_holds() when they were looked at */
	uint64_t yields;                     /* engine_yields() that are on disk */
	struct wiring *wiring;
};

uint64_t app_now(void); /* ms of the monotonic clock */
/* Carries out all effects that wait: routes, frames, the timer. */
void app_settle(struct app *a);
/* The reply to a control request that was owed (lib/ctl.h). Takes the reference. */
void app_reply(struct app *a, json_int_t number, json_t *reply);
/* For whoever keeps the loop from going round for long: answers questions that wait, now and then.
 */
void app_pause(void *app);
/* What is not as it should be with the daemon's own surroundings: its configuration, netlink, the
 * control socket. */
void app_warnings(
	struct app *a, void (*each)(void *ctx, const char *code, const char *text), void *ctx);
/* Frames that were lost, into the interfaces' counters. */
void app_count_lost(struct app *a);
/* Everything about the host that is not as it should be: sysctls (K01, K02), the kernel's own proxy
 * entries for guests' addresses (K01). */
void app_host_warnings(
	struct app *a, void (*each)(void *ctx, const char *code, const char *text), void *ctx);
/* The kernel-side filter; *why is NULL, or why there is none. */
struct filter_status app_filter(const struct app *a, const char **why);
/* Before run-time guests are changed: is the state directory there, and ours? 0 or -errno. */
int app_state_check(struct app *a);
/* What is wrong with the state directory, or was with files of it that are still there. */
void app_state_warnings(
	struct app *a, void (*each)(void *ctx, const char *code, const char *text), void *ctx);
/* Reads the configuration again. Returns false, with nothing changed, and a sentence in why. */
bool app_reload(struct app *a, struct config_diff *ret, char why[CONF_WHY_MAX]);

#endif
