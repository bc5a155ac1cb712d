/* packet_closer: closes packet sockets behind the caller's back. */
#ifndef PACKET_CLOSER_H
#define PACKET_CLOSER_H

/* Closes it by and by, which must not fail to happen: where there is no thread to be had, now. */
void closer_close(int fd);
/* Waits until all of them are closed. */
void closer_wait(void);

#endif
