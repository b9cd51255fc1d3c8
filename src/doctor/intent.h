/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the VM in question asks for, from whatever describes it: a QEMU or Cloud Hypervisor command
 * line, a libvirt domain, a running process, or the command in a log. Causes see pieces of memory
 * (asks) and traits, and need not know where they came from.
 */
#ifndef GR_DOCTOR_INTENT_H
#define GR_DOCTOR_INTENT_H

#include <sys/types.h>

#include "base/diagnosis.h"
#include "guest/request.h"
#include "host/host.h"

enum gr_ask_kind {
	GR_ASK_ANONYMOUS, /* memory of the process */
	GR_ASK_MEMFD,
	GR_ASK_FILE, /* a file, in @path where that is known */
};

/* One piece of guest memory. */
struct gr_ask {
	char *what; /* "object m1", "guest cell 0" ... */
	enum gr_ask_kind kind;
	uint64_t bytes;
	uint64_t page_size_bytes; /* 0: no huge pages are asked for */
	uint64_t pages;		  /* of that size, rounded up; 0 without */
	bool shared;
	bool prealloc;	 /* all of it is touched at start */
	bool unreserved; /* reserve=off, or a VMM that reserves nothing */
	bool by_libvirt; /* libvirt chooses the file: it needs a mount of this page size */
	char *path;	 /* of FILE; NULL: not known, or libvirt's choice */
	uint64_t offset_bytes;
	struct gr_list nodes; /* empty: any */
	bool bound;	      /* to the nodes; false: a wish */
};

/* What a reader of the description had to say itself. */
struct gr_intent_note {
	char code[8];
	enum gr_severity severity;
	char *message;
};

struct gr_intent {
	bool known;	    /* something was described */
	const char *source; /* "command line", "domain", "process", "log" */
	const char *vmm;
	char *name; /* of the VM, or NULL */
	pid_t pid;  /* 0: it does not run */
	struct gr_ask *asks;
	size_t ask_count;
	struct gr_intent_note *notes;
	size_t note_count;
	bool passthrough;
	bool maps_elsewhere; /* vhost-user, virtiofs: another process must map all RAM */
	bool balloon;
	bool locked;
	bool libvirt; /* a domain, or a command line that libvirt made */
	bool incoming;
	uint64_t hard_limit_bytes; /* memtune of libvirt; 0: none; UINT64_MAX: unlimited */
};

/** gr_intent_argv - from a command line of a VMM that is known. Return: 0, -EINVAL, -ENOMEM. */
int gr_intent_argv(char *const *argv, const struct gr_host *host, struct gr_intent *ret,
		   struct gr_error *err);

/**
 * gr_intent_domain - from the XML of a domain
 *
 * Return: 0, -EINVAL (not XML, not a domain), -E2BIG, -ENOMEM.
 */
int gr_intent_domain(const char *text, size_t len, const struct gr_host *host,
		     struct gr_intent *ret, struct gr_error *err);

/** gr_intent_pid - from the command line of a running process. Return: 0 or -errno. */
int gr_intent_pid(const struct gr_root *root, pid_t pid, const struct gr_host *host,
		  struct gr_intent *ret, struct gr_error *err);

/** gr_intent_ask - append a piece. NULL: no memory. */
struct gr_ask *gr_intent_ask(struct gr_intent *intent);
int gr_intent_note(struct gr_intent *intent, const char *code, enum gr_severity severity,
		   const char *message);

/** gr_intent_pages - of a size over all pieces, UINT64_MAX if that is too much. */
uint64_t gr_intent_pages(const struct gr_intent *intent, uint64_t page_size_bytes);
uint64_t gr_intent_bytes(const struct gr_intent *intent);
void gr_intent_done(struct gr_intent *intent);
#define _cleanup_intent_ __attribute__((cleanup(gr_intent_done)))

#endif
