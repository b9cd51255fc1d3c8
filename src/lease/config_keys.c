// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Values of the settings, the same in the file and on the command line. A field of 0 is one that
 * was not given, so a limit of 0 becomes the smallest one there is.
 */
#include "lease/config_keys.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"

static int refuse_value(struct gr_error *err, const char *message, const char *hint)
{
	int r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s", message);

	gr_error_hint(err, "%s", hint);
	return r;
}

static int set_keep_free(struct gr_config *config, const char *value, struct gr_error *err)
{
	uint64_t bytes;
	int r = gr_parse_size(value, GR_MIB, &bytes, err);

	if (r < 0)
		return r;
	if (bytes == 0)
		return refuse_value(err, "0 is too little",
				    "a host without memory kills processes");
	config->floor.keep_free_bytes = bytes;
	return 0;
}

static int set_duration(uint64_t *ret, const char *value, struct gr_error *err)
{
	uint64_t ns;
	int r = gr_parse_duration(value, &ns, err);

	if (r < 0)
		return r;
	if (ns == 0)
		return refuse_value(err, "0 is too little", "in no time nothing can be reserved");
	*ret = ns;
	return 0;
}

static int set_timeout(struct gr_config *config, const char *value, struct gr_error *err)
{
	return set_duration(&config->budget.timeout_ns, value, err);
}

static int set_hook_timeout(struct gr_config *config, const char *value, struct gr_error *err)
{
	return set_duration(&config->hook_timeout_ns, value, err);
}

static int set_manage_all(struct gr_config *config, const char *value, struct gr_error *err)
{
	bool yes = !strcmp(value, "yes");

	if (!yes && strcmp(value, "no"))
		return refuse_value(err, "neither yes nor no", "yes or no");
	config->manage_all = yes;
	return 0;
}

/* What may be lost. 0 in the struct is a limit that was not given; one byte buys no page. */
static int set_limit(uint64_t *ret, const char *value, struct gr_error *err)
{
	uint64_t bytes;
	int r = gr_parse_size(value, GR_MIB, &bytes, err);

	if (r >= 0)
		*ret = gr_max_u64(bytes, 1);
	return r;
}

static int set_max_cache_lost(struct gr_config *config, const char *value, struct gr_error *err)
{
	if (strcmp(value, "all"))
		return set_limit(&config->budget.max_cache_lost_bytes, value, err);
	config->budget.max_cache_lost_bytes = UINT64_MAX;
	return 0;
}

static int set_max_swapped(struct gr_config *config, const char *value, struct gr_error *err)
{
	return set_limit(&config->budget.max_swapped_bytes, value, err);
}

static const struct {
	const char *name;
	unsigned int allow;
} consents[] = {
	{ "drop-caches", GR_ALLOW_DROP_CACHES },
	{ "evacuate", GR_ALLOW_EVACUATE },
	{ "demote", GR_ALLOW_DEMOTE },
};

/* "drop-caches, demote"; "none" takes back what the file allows. */
static int set_allow(struct gr_config *config, const char *value, struct gr_error *err)
{
	unsigned int allow = 0;
	int r;

	for (const char *p = value; strcmp(value, "none");) {
		size_t n = strcspn(p, ","), known = 0;
		const char *word = p + strspn(p, " \t");
		size_t length = word < p + n ? (size_t)(p + n - word) : 0;

		while (length && (word[length - 1] == ' ' || word[length - 1] == '\t'))
			length--;
		for (size_t i = 0; i < GR_ARRAY_SIZE(consents); i++) {
			if (strlen(consents[i].name) == length &&
			    !strncmp(consents[i].name, word, length))
				known = consents[i].allow;
		}
		if (!known) {
			r = gr_error_set(err, GR_CLASS_USAGE, EINVAL,
					 "'%.*s' is nothing that can be allowed",
					 (int)gr_min_u64(length, 64), word);
			gr_error_hint(err, "drop-caches, evacuate and demote, with commas between "
					   "them, or none");
			return r;
		}
		allow |= known;
		p += n;
		if (!*p)
			break;
		p++;
	}
	config->budget.allow = allow;
	return 0;
}

const struct gr_config_key gr_config_keys[GR_CONFIG_KEY_COUNT] = {
	{ "host", "keep_free", "keep-free", set_keep_free },
	{ "reserve", "timeout", "timeout", set_timeout },
	{ "reserve", "max_cache_lost", "max-cache-lost", set_max_cache_lost },
	{ "reserve", "max_swapped", "max-swapped", set_max_swapped },
	{ "reserve", "allow", "allow", set_allow },
	{ "libvirt", "manage_all", NULL, set_manage_all },
	{ "libvirt", "hook_timeout", NULL, set_hook_timeout },
};

int gr_config_set(struct gr_config *config, const char *option, const char *value,
		  struct gr_error *err)
{
	for (size_t i = 0; i < GR_CONFIG_KEY_COUNT; i++) {
		int r;

		if (!gr_config_keys[i].option || strcmp(gr_config_keys[i].option, option))
			continue;
		r = gr_config_keys[i].set(config, value, err);
		if (r < 0)
			gr_error_prefix(err, "--%s: ", option);
		return r;
	}
	return gr_error_set(err, GR_CLASS_SYSTEM, EINVAL, "there is no setting '%s'", option);
}
