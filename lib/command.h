/*
 * command: what a control request means: validated, put in force, made durable, answered.
 *
 * A request is a JSON object; absent keys mean the same as null:
 *
 *   {"command":"add", "addresses":[TEXT...], "vif":TEXT, "guest":TEXT, "uplink":TEXT, "via":TEXT,
 *    "mac":[TEXT...], "replace":BOOL}
 *   {"command":"del", "addresses":[TEXT...], "vif":TEXT, "guest":TEXT}
 *   {"command":"list", "guest":TEXT | "vif":TEXT | "address":TEXT}
 *   {"command":"status"} {"command":"stats"} {"command":"reload"} {"command":"flush"}
 *   {"command":"announce", "addresses":[TEXT...] | "vif":TEXT | "guest":TEXT}
 *
 * The reply: {"exit":0 or 1, "error":TEXT (with 1), "text":TEXT (a line for people, may be absent),
 * "data":ANY (list, status, stats)}. "data" is exactly what -j prints.
 *
 *   list:   [{"address","guest","vif","uplink","via","origin","answering","reason"}...]
 *   stats:  {"uplink":{IF:{"received","answered","announced","lost","dropped":{ID:n}}},
 *            "vif":{...},"kernel":{"unlisted":n,"other":n,"overload":n}}
 *   status: {"name","version","pid","uptime" (s),"config","statedir","guests","addresses",
 *            "uplinks":[{"name","ifindex","mac","up","source","networks":[TEXT],"gateways":[TEXT]}],
 *            "vifs":[{"name","ifindex","mac","up","source","guests":[TEXT],"addresses":n}],
 *            "filter":{"kind" ("ebpf", "classic"),"reason" (of classic),"listed","limit","beyond"},
 *            "configuration":TEXT (as -nv prints it),
 *            "warnings":[{"code","text"}...]}
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl.h"

struct app;

/* Any request but `add` and `del` of those that may change something. */
json_t *command_run(struct app *a, const json_t *request, bool may_change);

/*
 * Requests that wait together, of those that may change something: `add` and `del`, as
 * command_changes_guests() tells. They are done in order, as if one by one, but made durable and
 * put in force together. replies[i] answers requests[i]; NULL: no memory. At most COMMAND_BATCH_MAX
 * of them. An `add` of addresses that are being probed is answered later (lib/ctl.h).
 */
#define COMMAND_BATCH_MAX CTL_BATCH_MAX
bool command_changes_guests(const json_t *request);
void command_run_all(struct app *a, json_t *const *requests, json_t **replies, size_t n);
/* Answers those `add`s that waited for a probe and need not any more. */
void command_settle(struct app *a);
void command_close(struct app *a); /* frees what is kept in struct app */

#endif
