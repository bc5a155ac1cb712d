/* batch: what its two files share: the lines that are under way. Nobody else includes this. */
#ifndef BATCH_H
#define BATCH_H

#include "client.h"

#define WINDOW 16384 /* lines in the queue */

struct item {
	size_t line;
	const struct command *cmd; /* NULL: not sent */
	bool json, prometheus;
	char *said; /* what is wrong with it */
	enum exit_status status;
};

struct bytes {
	char *text;
	size_t head, len, room;
};

struct batch {
	struct client client;
	struct lines lines;
	int fd;         /* the connection; -1: none */
	bool answered;  /* it has been, once */
	bool half;      /* nothing more can be sent */
	json_t *alone;  /* the request that is to be tried again until then */
	uint64_t until; /* ... until then */
	struct bytes out, in;
	struct item queue[WINDOW];
	size_t first, n;
	size_t done; /* the last line that was answered */
	struct offline *offline;
	FILE *said; /* where complaints about a line that is read go */
	char *said_text;
	size_t said_len;
	enum exit_status status;
	bool over; /* no use going on */
};

/* batch.c */
void batch_weigh(struct batch *b, enum exit_status status);
void batch_give_up(struct batch *b, enum exit_status status); /* no use going on */
struct item *batch_head(struct batch *b);                     /* of the queue */
void batch_drop(struct batch *b);                             /* the head */
void batch_tell(struct batch *b); /* of the lines at the head that are not sent */
void batch_offline_end(struct batch *b);

/* batch_wire.c */
void batch_ask(struct batch *b, const json_t *request); /* of the head; there is somebody to ask */
void batch_reach(struct batch *b, const json_t *request);
void batch_send(struct batch *b);
void batch_receive(struct batch *b);
void batch_disconnect(struct batch *b);

#endif
