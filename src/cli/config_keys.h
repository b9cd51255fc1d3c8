/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of settings: one row is a key of the file and an option of the command line.
 */
#ifndef GR_CLI_CONFIG_KEYS_H
#define GR_CLI_CONFIG_KEYS_H

#include "cli/config.h"

struct gr_config_key {
	const char *section, *name, *option;
	/* Return: 0; -EINVAL or -ERANGE (class usage), @config is untouched then. */
	int (*set)(struct gr_config *config, const char *value, struct gr_error *err);
};

#define GR_CONFIG_KEY_COUNT 5
extern const struct gr_config_key gr_config_keys[GR_CONFIG_KEY_COUNT];

#endif
