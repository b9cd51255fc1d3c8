// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Populating in parallel. All threads exist and are pinned before memory is touched (their stacks
 * need the mmap lock that the page faults take). They draw chunks from one counter, so that a
 * thread that is slow for any reason does not hold up the rest. Each has a CPU of its own where
 * there are enough: a scheduler that leaves two of them on one CPU doubles the time. Clearing the
 * pages is the kernel's work and nearly all of that time; fault.c knows the ways of asking for it.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "ram/fault.h"

#define THREADS_MAX 64
#define BYTES_PER_THREAD (64 * GR_MIB) /* less is not worth a thread */
#define CHUNK_BYTES (32 * GR_MIB)

struct gr_populating {
	struct gr_ram *ram;
	struct gr_populate_options options;
	struct gr_fault_source source;
	pthread_t threads[THREADS_MAX];
	unsigned int thread_count;
	pthread_mutex_t mutex;
	pthread_cond_t start;
	bool go, give_up;           /* under the mutex */
	_Atomic uint64_t next;      /* first byte that nobody has drawn yet */
	_Atomic uint64_t done;
	_Atomic int failed;         /* the first -errno */
	_Atomic unsigned int running;
	uint64_t chunk_bytes, started_ns;
	_Atomic uint64_t ended_ns;  /* of the last thread */
};

static void note_failure(struct gr_populating *p, int r)
{
	int none = 0;

	atomic_compare_exchange_strong(&p->failed, &none, r);
}

static void draw_chunks(struct gr_populating *p)
{
	const struct gr_populate_options *options = &p->options;
	uint64_t size = p->ram->size_bytes;

	while (!atomic_load(&p->failed)) {
		uint64_t at = atomic_fetch_add(&p->next, p->chunk_bytes), len;
		int r;

		if (at >= size)
			break;
		if (options->interrupted && *options->interrupted) {
			note_failure(p, -EINTR);
			break;
		}
		len = gr_min_u64(p->chunk_bytes, size - at);
		r = gr_fault_range(&p->source, (char *)p->ram->base + at, len);
		if (r < 0)
			note_failure(p, r);
		else
			atomic_fetch_add(&p->done, len);
	}
}

static void *thread_main(void *data)
{
	struct gr_populating *p = data;
	uint64_t now, seen;
	bool give_up;

	/* Of this thread alone, as Linux has it. Refused, it is faster than asked: no harm. */
	(void)!nice(p->options.nice);
	pthread_mutex_lock(&p->mutex);
	while (!p->go && !p->give_up)
		pthread_cond_wait(&p->start, &p->mutex);
	give_up = p->give_up;
	pthread_mutex_unlock(&p->mutex);
	if (!give_up)
		draw_chunks(p);
	now = gr_now_ns();
	seen = atomic_load(&p->ended_ns);
	while (seen < now && !atomic_compare_exchange_weak(&p->ended_ns, &seen, now))
		;
	if (atomic_fetch_sub(&p->running, 1) == 1 && p->options.done_fd > 0)
		eventfd_write(p->options.done_fd, 1);
	return NULL;
}

/* The CPUs to use: those asked for that this process may use, else all that it may use. */
static int choose_cpus(const struct gr_list *asked, struct gr_list *ret)
{
	_cleanup_list_ struct gr_list cpus = { 0 };
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0; /* more CPUs than cpu_set_t holds: unpinned */
	for (unsigned int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &allowed) && (!asked->count || gr_list_has(asked, i)) &&
		    gr_list_add(&cpus, i) < 0)
			return -ENOMEM;
	}
	if (!cpus.count && asked->count)
		return choose_cpus(&(struct gr_list){ 0 }, ret);
	*ret = cpus;
	cpus = (struct gr_list){ 0 };
	return 0;
}

static unsigned int count_threads(const struct gr_populating *p)
{
	uint64_t threads = p->options.threads ? p->options.threads : p->options.cpus.count;

	threads = gr_min_u64(threads, gr_max_u64(1, p->ram->size_bytes / BYTES_PER_THREAD));
	return (unsigned int)gr_max_u64(1, gr_min_u64(threads, THREADS_MAX));
}

/* One CPU for each thread, or all CPUs for all where there are more threads. */
static void set_affinity(pthread_attr_t *attr, const struct gr_list *cpus, unsigned int index,
			 unsigned int threads)
{
	cpu_set_t set;

	if (!cpus->count)
		return;
	CPU_ZERO(&set);
	for (size_t i = 0; i < cpus->count; i++) {
		if (threads > cpus->count || i == index)
			CPU_SET(cpus->ids[i], &set);
	}
	pthread_attr_setaffinity_np(attr, sizeof(set), &set);
}

static int start_threads(struct gr_populating *p, unsigned int wanted)
{
	sigset_t all, before;
	int r = 0;

	/* Signals are for the threads of the program, whose handlers know nothing of ours. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (p->thread_count < wanted && !r) {
		pthread_attr_t attr;

		r = pthread_attr_init(&attr);
		if (r)
			break;
		set_affinity(&attr, &p->options.cpus, p->thread_count, wanted);
		r = pthread_create(&p->threads[p->thread_count], &attr, thread_main, p);
		pthread_attr_destroy(&attr);
		if (r == EINVAL) /* the CPU went away meanwhile: unpinned */
			r = pthread_create(&p->threads[p->thread_count], NULL, thread_main, p);
		if (!r)
			p->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* Fewer threads than wanted are slower, not wrong. */
	return p->thread_count ? 0 : -r;
}

static void release_threads(struct gr_populating *p, bool go)
{
	pthread_mutex_lock(&p->mutex);
	p->go = go;
	p->give_up = !go;
	pthread_cond_broadcast(&p->start);
	pthread_mutex_unlock(&p->mutex);
}

int gr_ram_populate_start(struct gr_ram *ram, const struct gr_populate_options *options,
			  struct gr_populating **ret, struct gr_error *err)
{
	struct gr_populating *p = calloc(1, sizeof(*p));
	uint64_t page = ram->page_size_bytes;
	int r;

	if (!p)
		return gr_error_nomem(err);
	p->ram = ram;
	p->options = *options;
	p->options.cpus = (struct gr_list){ 0 };
	p->chunk_bytes = gr_max_u64(CHUNK_BYTES, page);
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->start, NULL);
	r = choose_cpus(&options->cpus, &p->options.cpus);
	gr_fault_init(ram, &p->source);
	if (r >= 0)
		r = start_threads(p, count_threads(p));
	if (r < 0) {
		gr_list_done(&p->options.cpus);
		free(p);
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "cannot start threads to populate: %s",
				    strerror(-r));
	}
	p->started_ns = gr_now_ns();
	atomic_store(&p->running, p->thread_count);
	release_threads(p, true);
	*ret = p;
	return 0;
}

static int populate_error(const struct gr_populating *p, int failed, struct gr_error *err)
{
	char done[GR_TEXT_MAX], size[GR_TEXT_MAX], page[GR_TEXT_MAX];
	int r;

	if (failed == -EINTR)
		return gr_error_set(err, GR_CLASS_HOST, EINTR, "interrupted while populating");
	r = gr_error_set(err, GR_CLASS_HOST, -failed, "only %s of %s could be populated with %s pages: %s",
			 gr_size_text(atomic_load(&p->done), done),
			 gr_size_text(p->ram->size_bytes, size), gr_size_text(p->ram->page_size_bytes, page),
			 failed == -EFAULT ? "a page was not there" : strerror(-failed));
	if (failed == -EFAULT || failed == -ENOMEM)
		gr_error_hint(err, "a hugetlb cgroup limit or another user of the node's pool takes "
				   "pages at the first touch: see cgroup limits in `guestram host`");
	return r;
}

int gr_ram_populate_wait(struct gr_populating *p, uint64_t *ret_elapsed_ns, struct gr_error *err)
{
	int failed, r = 0;

	for (unsigned int i = 0; i < p->thread_count; i++) {
		/* The joins are long only for the first; progress is told from here. */
		struct timespec until;

		for (;;) {
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 100000000;
			if (until.tv_nsec >= 1000000000) {
				until.tv_sec++;
				until.tv_nsec -= 1000000000;
			}
			if (!p->options.progress) {
				pthread_join(p->threads[i], NULL);
				break;
			}
			if (pthread_timedjoin_np(p->threads[i], NULL, &until) != ETIMEDOUT)
				break;
			p->options.progress(p->options.progress_data, atomic_load(&p->done),
					    p->ram->size_bytes);
		}
	}
	failed = atomic_load(&p->failed);
	if (failed)
		r = populate_error(p, failed, err);
	else if (ret_elapsed_ns)
		*ret_elapsed_ns = gr_sub_floor(atomic_load(&p->ended_ns), p->started_ns);
	gr_list_done(&p->options.cpus);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->start);
	free(p);
	return r;
}

int gr_ram_populate(struct gr_ram *ram, const struct gr_populate_options *options,
		    uint64_t *ret_elapsed_ns, struct gr_error *err)
{
	struct gr_populating *p;
	int r = gr_ram_populate_start(ram, options, &p, err);

	return r < 0 ? r : gr_ram_populate_wait(p, ret_elapsed_ns, err);
}
