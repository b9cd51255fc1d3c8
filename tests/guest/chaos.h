/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What chaos.c knows of the guest: pools and leases as they are, read by other code than guestram's.
 */
#ifndef GR_TEST_CHAOS_H
#define GR_TEST_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKERS 32
#define NODES 2
#define GRANTS_MAX 4
#define LEASES_MAX 128
#define PAGE_BYTES ((size_t)2 << 20)

struct counts {
	long total[NODES], free[NODES], surplus[NODES], reserved;
	long available_kib;
};

struct lease {
	char name[16], state[16];
	pid_t owner;
	struct grant {
		int node;
		long pages, asked, promoted;
	} grants[GRANTS_MAX];
	int grant_count;
};

void read_counts(struct counts *ret);

/* One lease by its name, or all of them. Return: how many; -1: a file that is none. */
int read_lease(const char *name, struct lease *ret);
int read_leases(struct lease *ret, int max);

/* Takes guestram's own lock: while it is held, nobody changes pools. Return: what close() lets go. */
int take_lock(void);

/* Huge pages by a mapping bound to @node, touched. Return: how many of @pages were had. */
long take_pages(int node, long pages);

struct shared { /* by all processes */
	int stop, wrong;
	long reserved, refused, released, taken, runs, killed, hunted, checks, exact;
};
extern struct shared *shared;
#define COUNT(field) __atomic_add_fetch(&shared->field, 1, __ATOMIC_RELAXED)

extern const char *floor_text; /* for --keep-free */
extern bool rude;
extern char worker[16]; /* this process; its lease has that name */
extern uint64_t seed;

unsigned long rnd(unsigned long below);

/* What must not be: a line on the console, and a failure in the end. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs `guestram recover`. */
void recover(bool may_kill);

/* Releases the lease named as the worker; until it gets through. @there: it has to be there. */
void release(bool there);

/* A worker's life, until shared->stop. */
void work(int number);

void die(const char *what) __attribute__((noreturn));

#endif
