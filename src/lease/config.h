/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the administrator of a host says once for all reservations: /etc/guestram/guestram.conf.
 * guestram.conf(5) describes every key. Options of the command line say the same and come after.
 */
#ifndef GR_LEASE_CONFIG_H
#define GR_LEASE_CONFIG_H

#include "base/root.h"
#include "lease/lease.h"

#define GR_CONFIG_PATH "etc/guestram/guestram.conf"

/* A field that is 0 was not given: the library has a default for it. */
struct gr_config {
	struct gr_floor floor;
	struct gr_budget budget;
	/* For the hook of libvirt alone. */
	bool manage_all;	  /* domains with huge pages that say nothing to us, too */
	uint64_t hook_timeout_ns; /* instead of the budget's */
};

/**
 * gr_config_read - the host's file; one that is absent gives nothing
 *
 * Return: 0; -EINVAL or -ERANGE (class usage) with file, line and key; -EACCES, -EPERM (class host)
 * where it may not be read, or others than root may change it; -errno. @ret is untouched then.
 */
int gr_config_read(const struct gr_root *root, struct gr_config *ret, struct gr_error *err);

/**
 * gr_config_parse - the same from text
 * @file: how people should see it
 */
int gr_config_parse(const char *text, const char *file, struct gr_config *ret,
		    struct gr_error *err);

/**
 * gr_config_set - one value as an option gives it
 * @option: without dashes in front: "max-cache-lost"
 *
 * Return: 0; -EINVAL or -ERANGE (class usage), @config is untouched then.
 */
int gr_config_set(struct gr_config *config, const char *option, const char *value,
		  struct gr_error *err);

#endif
