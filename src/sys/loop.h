/*
 * loop: one epoll set, one timer per source of deadlines, no threads.
 */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct loop;       /* opaque */
struct loop_watch; /* opaque: a descriptor in the loop */
struct loop_timer; /* opaque */

enum loop_ready { LOOP_READ = 1, LOOP_WRITE = 2 };

MUST_USE enum err loop_new(struct loop **out);
void loop_free(struct loop *); /* accepts NULL */

/* Level-triggered.  The loop does not own fd; remove before closing it. */
MUST_USE enum err loop_add(struct loop *, int fd, unsigned ready,
    void (*fn)(void *context, unsigned ready), void *context, struct loop_watch **out);
MUST_USE enum err loop_change(struct loop_watch *, unsigned ready);
void loop_remove(struct loop_watch *); /* accepts NULL; safe inside any callback */

MUST_USE enum err loop_timer_new(struct loop *, void (*fn)(void *context), void *context,
    struct loop_timer **out);
/* Absolute, loop_now_ms() scale; UINT64_MAX disarms. */
void loop_timer_set(struct loop_timer *, uint64_t at_ms);
void loop_timer_free(struct loop_timer *); /* accepts NULL */

/* Until loop_stop().  Returns what loop_stop() was given. */
int loop_run(struct loop *);
void loop_stop(struct loop *, int status);

uint64_t loop_now_ms(void);  /* CLOCK_BOOTTIME: suspended time counts */
uint64_t loop_now_ns(void);
uint64_t loop_unix_ms(void); /* CLOCK_REALTIME */

#endif
