/*
 * ctl_batch: requests that wait together (ctl.h).
 *
 * Life cycle of a batch: clients that are read in one turn of the event loop join it; it ends at
 * the start of the next turn, before the loop could sleep, or as soon as a request comes that must
 * see what those before it did. A client that has joined is not read before it has its replies.
 */
#include "ctl_client.h"

#include <string.h>

static void turn_ends(struct ev_loop *loop, ev_prepare *w, int events);

void batch_init(struct ctl_service *service)
{
	struct batch *b = &service->batch;

	TAILQ_INIT(&b->waiting);
	b->share = CTL_BATCH_MAX;
	ev_prepare_init(&b->turn, turn_ends);
	b->turn.data = service;
}

void batch_start(struct ctl_service *service)
{
	ev_prepare_start(service->loop, &service->batch.turn);
}

void batch_stop(struct ctl_service *service)
{
	struct batch *b = &service->batch;

	ev_prepare_stop(service->loop, &b->turn);
	for (size_t i = 0; i < b->n; i++)
		json_decref(b->request[i]);
	b->n = 0;
}

bool batch_join(struct ctl_service *service, struct client *c, json_t *request)
{
	struct batch *b = &service->batch;

	if (b->n == CTL_BATCH_MAX)
		return false;
	b->client[b->n] = c;
	b->request[b->n] = request;
	b->reply[b->n] = NULL;
	b->n++;
	return true;
}

void batch_end(struct ctl_service *service)
{
	struct batch *b = &service->batch;
	const struct ctl_handler *h = &service->handler;

	if (b->n == 0)
		return;
	h->answer_all(h->ctx, b->request, b->reply, b->n);
	for (size_t i = 0; i < b->n; i++) {
		json_decref(b->request[i]);
		if (b->client[i])
			client_answered(b->client[i], b->reply[i]);
		else
			json_decref(b->reply[i]);
	}
	b->n = 0;
}

static void turn_ends(struct ev_loop *loop, ev_prepare *w, int events)
{
	struct ctl_service *service = w->data;
	struct batch *b = &service->batch;
	struct client *c;

	(void)loop;
	(void)events;
	batch_end(service);
	service->long_line = false;
	while ((c = TAILQ_FIRST(&b->waiting)))
		client_resume(c);
	if (b->wanting)
		b->share = CTL_BATCH_MAX / b->wanting;
	b->wanting = 0;
}

void batch_forget(struct ctl_service *service, const struct client *c)
{
	struct batch *b = &service->batch;

	for (size_t i = 0; i < b->n; i++)
		if (b->client[i] == c)
			b->client[i] = NULL;
}
