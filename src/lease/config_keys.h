/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of settings: one row is a key of the file and, for most, an option of
 * the command line.
 */
#ifndef GR_LEASE_CONFIG_KEYS_H
#define GR_LEASE_CONFIG_KEYS_H

#include "lease/config.h"

struct gr_config_key {
	const char *section, *name;
	const char *option; /* NULL: none */
	/* Return: 0; -EINVAL or -ERANGE (class usage), @config is untouched then. */
	int (*set)(struct gr_config *config, const char *value, struct gr_error *err);
};

#define GR_CONFIG_KEY_COUNT 7
extern const struct gr_config_key gr_config_keys[GR_CONFIG_KEY_COUNT];

#endif
