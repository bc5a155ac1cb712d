/*
 * packet_closer: see packet_closer.h. The close of a packet socket waits for all processors to have
 * let go of it (synchronize_net() in packet_release()): 10 to 30 ms, one after the other, in which
 * nothing would be answered; a host whose hundred guests stop at once would be silent for seconds.
 * So it is done by threads. Those that wait at the same time share the wait, so there are several;
 * each ends when nothing is left to be closed.
 */
#include "packet_closer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "thread.h"

#define CLOSERS_MAX 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_ended = PTHREAD_COND_INITIALIZER;
static int *waiting;
static size_t nwaiting, room;
static unsigned closers;

static void *closer_run(void *none)
{
	(void)none;
	pthread_mutex_lock(&lock);
	while (nwaiting > 0) {
		int fd = waiting[--nwaiting];

		pthread_mutex_unlock(&lock);
		close(fd);
		pthread_mutex_lock(&lock);
	}
	if (--closers == 0) {
		free(waiting);
		waiting = NULL;
		room = 0;
		pthread_cond_broadcast(&all_ended);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static bool closer_start(void)
{
	pthread_t thread;

	if (!thread_start(&thread, closer_run, NULL))
		return false;
	pthread_detach(thread);
	closers++;
	return true;
}

static bool queue(int fd)
{
	if (nwaiting == room) {
		size_t more = room ? 2 * room : 64;
		int *grown = reallocarray(waiting, more, sizeof(*grown));

		if (!grown)
			return false;
		waiting = grown;
		room = more;
	}
	waiting[nwaiting++] = fd;
	return true;
}

void closer_close(int fd)
{
	bool taken;

	pthread_mutex_lock(&lock);
	taken = queue(fd);
	if (taken && closers < CLOSERS_MAX && !closer_start() && closers == 0) {
		nwaiting--;
		taken = false;
	}
	pthread_mutex_unlock(&lock);
	if (!taken)
		close(fd);
}

void closer_wait(void)
{
	pthread_mutex_lock(&lock);
	while (closers > 0)
		pthread_cond_wait(&all_ended, &lock);
	pthread_mutex_unlock(&lock);
}
