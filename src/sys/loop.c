/*
 * loop: see loop.h.  The timers stand in a binary heap whose capacity grows
 * with their number, so that arming one never takes memory.
 */
#include <sys/epoll.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "sys/log.h"
#include "sys/loop.h"

#define EVENTS_A_WAKE_UP 32
#define NOT_ARMED        SIZE_MAX

struct loop_watch {
	struct loop *loop;
	int fd;
	unsigned ready;
	bool removed;
	void (*fn)(void *context, unsigned ready);
	void *context;
	struct loop_watch *next_removed;
};

struct loop_timer {
	struct loop *loop;
	uint64_t at_ms;
	size_t position; /* in the heap, or NOT_ARMED */
	void (*fn)(void *context);
	void *context;
};

struct loop {
	int epoll_fd;
	bool stopping;
	int status;
	struct loop_watch *removed; /* freed once no event can name them */
	struct loop_timer **heap;
	size_t armed, timers, capacity;
	struct epoll_event events[EVENTS_A_WAKE_UP];
};

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
loop_now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t
loop_now_ms(void)
{
	return clock_ns(CLOCK_BOOTTIME) / 1000000u;
}

uint64_t
loop_unix_ms(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000000u;
}

enum err
loop_new(struct loop **out)
{
	struct loop *loop;

	if ((loop = calloc(1, sizeof(*loop))) == NULL)
		return ERR_NOMEM;
	if ((loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		log_errno("loop: epoll_create1");
		free(loop);
		return ERR_IO;
	}
	*out = loop;
	return ERR_OK;
}

static void
bury(struct loop *loop)
{
	struct loop_watch *watch;

	while ((watch = loop->removed) != NULL) {
		loop->removed = watch->next_removed;
		free(watch);
	}
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	bury(loop);
	close(loop->epoll_fd);
	free(loop->heap);
	free(loop);
}

/* ---- descriptors ----------------------------------------------------------- */

static int
control(const struct loop_watch *watch, int operation, unsigned ready)
{
	struct epoll_event event = { .data.ptr = (void *)(uintptr_t)watch };

	if (ready & LOOP_READ)
		event.events |= EPOLLIN;
	if (ready & LOOP_WRITE)
		event.events |= EPOLLOUT;
	return epoll_ctl(watch->loop->epoll_fd, operation, watch->fd, &event);
}

enum err
loop_add(struct loop *loop, int fd, unsigned ready, void (*fn)(void *context, unsigned ready),
    void *context, struct loop_watch **out)
{
	struct loop_watch *watch;

	if ((watch = calloc(1, sizeof(*watch))) == NULL)
		return ERR_NOMEM;
	watch->loop = loop;
	watch->fd = fd;
	watch->ready = ready;
	watch->fn = fn;
	watch->context = context;
	if (control(watch, EPOLL_CTL_ADD, ready) == -1) {
		log_errno("loop: watch descriptor %d", fd);
		free(watch);
		return ERR_IO;
	}
	*out = watch;
	return ERR_OK;
}

enum err
loop_change(struct loop_watch *watch, unsigned ready)
{
	if (watch->ready == ready)
		return ERR_OK;
	if (control(watch, EPOLL_CTL_MOD, ready) == -1) {
		log_errno("loop: change descriptor %d", watch->fd);
		return ERR_IO;
	}
	watch->ready = ready;
	return ERR_OK;
}

void
loop_remove(struct loop_watch *watch)
{
	if (watch == NULL || watch->removed)
		return;
	(void)control(watch, EPOLL_CTL_DEL, 0);
	/* The batch of events under way may still name it. */
	watch->removed = true;
	watch->next_removed = watch->loop->removed;
	watch->loop->removed = watch;
}

static void
dispatch(const struct epoll_event *event)
{
	struct loop_watch *watch = event->data.ptr;
	unsigned ready = 0;

	if (watch->removed)
		return;
	if (event->events & EPOLLIN)
		ready |= LOOP_READ;
	if (event->events & EPOLLOUT)
		ready |= LOOP_WRITE;
	/* The reader or writer finds the error in its next call. */
	if (event->events & (EPOLLERR | EPOLLHUP))
		ready |= watch->ready != 0 ? watch->ready : LOOP_READ;
	watch->fn(watch->context, ready);
}

/* ---- timers ------------------------------------------------------------------ */

static void
place(struct loop *loop, size_t position, struct loop_timer *timer)
{
	loop->heap[position] = timer;
	timer->position = position;
}

static void
sift_up(struct loop *loop, struct loop_timer *timer)
{
	size_t at = timer->position;

	while (at > 0 && loop->heap[(at - 1) / 2]->at_ms > timer->at_ms) {
		place(loop, at, loop->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(loop, at, timer);
}

static void
sift_down(struct loop *loop, struct loop_timer *timer)
{
	size_t at = timer->position, child;

	while ((child = 2 * at + 1) < loop->armed) {
		if (child + 1 < loop->armed &&
		    loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms)
			child++;
		if (loop->heap[child]->at_ms >= timer->at_ms)
			break;
		place(loop, at, loop->heap[child]);
		at = child;
	}
	place(loop, at, timer);
}

static void
disarm(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	struct loop_timer *last;

	if (timer->position == NOT_ARMED)
		return;
	last = loop->heap[--loop->armed];
	if (last != timer) {
		place(loop, timer->position, last);
		sift_up(loop, last);
		sift_down(loop, last);
	}
	timer->position = NOT_ARMED;
}

enum err
loop_timer_new(struct loop *loop, void (*fn)(void *context), void *context, struct loop_timer **out)
{
	struct loop_timer *timer, **heap;
	size_t capacity;

	if (loop->timers == loop->capacity) {
		capacity = loop->capacity == 0 ? 8 : 2 * loop->capacity;
		if ((heap = reallocarray(loop->heap, capacity, sizeof(*heap))) == NULL)
			return ERR_NOMEM;
		loop->heap = heap;
		loop->capacity = capacity;
	}
	if ((timer = calloc(1, sizeof(*timer))) == NULL)
		return ERR_NOMEM;
	timer->loop = loop;
	timer->position = NOT_ARMED;
	timer->fn = fn;
	timer->context = context;
	loop->timers++;
	*out = timer;
	return ERR_OK;
}

void
loop_timer_set(struct loop_timer *timer, uint64_t at_ms)
{
	disarm(timer);
	if (at_ms == UINT64_MAX)
		return;
	timer->at_ms = at_ms;
	timer->position = timer->loop->armed++;
	sift_up(timer->loop, timer);
}

void
loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	disarm(timer);
	timer->loop->timers--;
	free(timer);
}

static void
fire_due(struct loop *loop)
{
	uint64_t now_ms;
	size_t left;

	if (loop->armed == 0)
		return;
	now_ms = loop_now_ms();
	/* Bounded: a callback that arms for the past waits for the next round. */
	for (left = loop->armed; left > 0 && loop->armed > 0 && !loop->stopping; left--) {
		struct loop_timer *timer = loop->heap[0];

		if (timer->at_ms > now_ms)
			return;
		disarm(timer);
		timer->fn(timer->context);
	}
}

static int
until_next(const struct loop *loop)
{
	uint64_t now_ms;

	if (loop->armed == 0)
		return -1;
	now_ms = loop_now_ms();
	if (loop->heap[0]->at_ms <= now_ms)
		return 0;
	return loop->heap[0]->at_ms - now_ms > INT_MAX ? INT_MAX
	                                               : (int)(loop->heap[0]->at_ms - now_ms);
}

/* ---- the loop ------------------------------------------------------------------- */

int
loop_run(struct loop *loop)
{
	int count, i;

	while (!loop->stopping) {
		count =
		    epoll_wait(loop->epoll_fd, loop->events, EVENTS_A_WAKE_UP, until_next(loop));
		if (count == -1 && errno != EINTR) {
			log_errno("loop: epoll_wait");
			return 1;
		}
		for (i = 0; i < count && !loop->stopping; i++)
			dispatch(&loop->events[i]);
		fire_due(loop);
		bury(loop);
	}
	loop->stopping = false;
	return loop->status;
}

void
loop_stop(struct loop *loop, int status)
{
	loop->stopping = true;
	loop->status = status;
}
