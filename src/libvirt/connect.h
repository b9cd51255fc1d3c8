/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few questions that we have for libvirt's daemon. Its library has no time limits of its own:
 * the caller sets an alarm. Errors carry libvirt's words.
 */
#ifndef GR_LIBVIRT_CONNECT_H
#define GR_LIBVIRT_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct gr_libvirt;

/** gr_libvirt_open - @uri NULL: qemu:///system. Return: 0 or -EIO (class host). */
int gr_libvirt_open(const char *uri, struct gr_libvirt **ret, struct gr_error *err);
void gr_libvirt_close(struct gr_libvirt *libvirt);

static inline void gr_libvirt_closep(struct gr_libvirt **libvirt)
{
	gr_libvirt_close(*libvirt);
}
#define _cleanup_libvirt_ __attribute__((cleanup(gr_libvirt_closep)))

/** gr_libvirt_version - of the daemon: 9000000 is 9.0.0; 0: it does not say. */
unsigned long gr_libvirt_version(struct gr_libvirt *libvirt);

struct gr_libvirt_domain {
	char *name;
	char *xml; /* as asked */
	bool running, persistent;
	bool saved; /* a saved state is what it starts from next */
};
void gr_libvirt_domain_done(struct gr_libvirt_domain *domain);
#define _cleanup_libvirt_domain_ __attribute__((cleanup(gr_libvirt_domain_done)))

/**
 * gr_libvirt_domain - a domain by its name or UUID
 * @live: its XML as it runs; else as it will start, with its secrets, so that it can be defined
 * again
 *
 * Return: 0; -ENOENT (class no); -EIO (class host).
 */
int gr_libvirt_domain(struct gr_libvirt *libvirt, const char *name, bool live,
		      struct gr_libvirt_domain *ret, struct gr_error *err);

/** gr_libvirt_names - of all domains, sorted. Return: 0 or -EIO. Free each and the array. */
int gr_libvirt_names(struct gr_libvirt *libvirt, char ***ret, size_t *ret_count,
		     struct gr_error *err);

/** gr_libvirt_define - replace a domain's XML, checked against libvirt's schema. Return: 0, -EINVAL
 * (class usage) with its reason. */
int gr_libvirt_define(struct gr_libvirt *libvirt, const char *xml, struct gr_error *err);

/** gr_libvirt_attach - plug a device into a running domain. Return: 0 or -EIO (class host). */
int gr_libvirt_attach(struct gr_libvirt *libvirt, const char *name, const char *xml,
		      struct gr_error *err);

/**
 * gr_libvirt_free_pages - free huge pages of the host behind the connection
 * @node: -1: all nodes together
 *
 * Return: 0 or -EIO (class host).
 */
int gr_libvirt_free_pages(struct gr_libvirt *libvirt, uint64_t page_size_bytes, int node,
			  uint64_t *ret, struct gr_error *err);

#endif
