/* command: what its files share. Nobody else includes this. */
#ifndef COMMAND_PRIVATE_H
#define COMMAND_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>

#include "app.h"

struct command_words {
	const char *vif, *guest, *uplink, *via, *address;
	const json_t *addresses, *macs; /* arrays of texts, or NULL */
	bool replace;
};

/* False: not an object with texts where texts belong. */
bool command_words(const json_t *request, struct command_words *w, const char **verb);

json_t *command_done(void);
json_t *command_data(json_t *data); /* takes the reference */
json_t *command_text(const char *text);
json_t *command_refused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* command_wait.c: the reply to an `add` that is in force, or the number of a later one (lib/ctl.h).
 */
json_t *command_added(struct app *a, const struct spec *s);

/* command_show.c */
json_t *command_list(struct app *a, const struct command_words *w);
json_t *command_stats(struct app *a);
json_t *command_status(struct app *a);

#endif
