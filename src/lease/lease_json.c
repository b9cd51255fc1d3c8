// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A lease as a file and back. Reading is strict: a key that is missing, of the wrong type or out of
 * range makes the file damaged, and damaged files are set aside, never guessed at.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/record.h"
#include "base/util.h"
#include "lease/ledger.h"

#define SCHEMA_ANY "guestram.lease/"
#define SCHEMA SCHEMA_ANY "1"
#define UUID_LETTERS "0123456789abcdefABCDEF-"
#define PAGES_MAX (UINT64_C(1) << 52) /* of 4 KiB in 64 bits: sums of a few cannot overflow */

static const char *const state_names[] = {
	[GR_LEASE_RESERVING] = "reserving", [GR_LEASE_PENDING] = "pending",
	[GR_LEASE_HELD] = "held",	    [GR_LEASE_OWNED] = "owned",
	[GR_LEASE_RELEASING] = "releasing", [GR_LEASE_SETTLING] = "settling",
	[GR_LEASE_LENDING] = "lending",   [GR_LEASE_OWED] = "owed",
	[GR_LEASE_EXTERNAL] = "external",
};
_Static_assert(GR_ARRAY_SIZE(state_names) == GR_LEASE_STATE_COUNT, "a name for every state");

const char *gr_lease_state_name(enum gr_lease_state state)
{
	return state < GR_LEASE_STATE_COUNT ? state_names[state] : "unknown";
}

char *gr_lease_to_text(const struct gr_lease *lease)
{
	json_object *doc = gr_rec_new("lease"), *grants;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f;
	int r;

	gr_rec_str(doc, "name", lease->name);
	gr_rec_str(doc, "state", gr_lease_state_name(lease->state));
	gr_rec_int(doc, "owner_pid", lease->owner_pid);
	gr_rec_u64(doc, "owner_start_time", lease->owner_start_time);
	gr_rec_int(doc, "keeper_pid", lease->keeper_pid);
	gr_rec_u64(doc, "keeper_start_time", lease->keeper_start_time);
	gr_rec_int(doc, "since", lease->since);
	gr_rec_u64(doc, "expires_ns", lease->expires_ns);
	gr_rec_str(doc, "boot_id", lease->boot_id);
	if (lease->domain_uuid[0])
		gr_rec_str(doc, "domain_uuid", lease->domain_uuid);
	gr_rec_bool(doc, "from_pool", lease->from_pool);
	gr_rec_bool(doc, "lend", lease->lend);
	grants = gr_rec_array(doc, "grants");
	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];
		json_object *item = gr_rec_item(grants);

		gr_rec_int(item, "node", grant->node);
		gr_rec_u64(item, "page_size_bytes", grant->page_size_bytes);
		gr_rec_u64(item, "asked_pages", grant->asked_pages);
		gr_rec_u64(item, "pages", grant->pages);
		gr_rec_u64(item, "promoted_pages", grant->promoted_pages);
		gr_rec_u64(item, "demoted_pages", grant->demoted_pages);
		gr_rec_u64(item, "lent_pages", grant->lent_pages);
		gr_rec_u64(item, "goal_pages", grant->goal_pages);
		gr_rec_u64(item, "goal_surplus_pages", grant->goal_surplus_pages);
	}
	f = open_memstream(&text, &size);
	if (!f) {
		json_object_put(doc);
		return NULL;
	}
	r = gr_rec_print_json(f, doc, NULL);
	json_object_put(doc);
	if (fclose(f) || r < 0)
		return NULL;
	return gr_steal_ptr(text);
}

static int read_u64(json_object *obj, const char *key, uint64_t *ret)
{
	json_object *value = json_object_object_get(obj, key);

	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -EBADMSG;
	*ret = json_object_get_uint64(value);
	return 0;
}

static int read_pages(json_object *obj, const char *key, uint64_t *ret)
{
	uint64_t pages;

	if (read_u64(obj, key, &pages) < 0 || pages > PAGES_MAX)
		return -EBADMSG;
	*ret = pages;
	return 0;
}

static int read_int(json_object *obj, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	json_object *value = json_object_object_get(obj, key);
	int64_t number;

	if (!json_object_is_type(value, json_type_int))
		return -EBADMSG;
	number = json_object_get_int64(value);
	if (number < min || number > max)
		return -EBADMSG;
	*ret = number;
	return 0;
}

static int read_text(json_object *obj, const char *key, char *buf, size_t buf_size)
{
	json_object *value = json_object_object_get(obj, key);

	if (!json_object_is_type(value, json_type_string) ||
	    (size_t)json_object_get_string_len(value) >= buf_size ||
	    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return -EBADMSG;
	strcpy(buf, json_object_get_string(value));
	return 0;
}

static int read_grant(json_object *item, struct gr_lease *lease)
{
	struct gr_lease_grant *grant;
	uint64_t size;
	int64_t node;

	if (read_int(item, "node", -1, GR_LIST_ID_MAX, &node) < 0 ||
	    read_u64(item, "page_size_bytes", &size) < 0 || size < 4096 || (size & (size - 1)))
		return -EBADMSG;
	for (size_t i = 0; i < lease->grant_count; i++) {
		if (lease->grants[i].node == node && lease->grants[i].page_size_bytes == size)
			return -EBADMSG;
	}
	grant = gr_lease_grant_at(lease, (int)node, size);
	if (!grant)
		return -ENOMEM;
	if (read_pages(item, "asked_pages", &grant->asked_pages) < 0 ||
	    read_pages(item, "pages", &grant->pages) < 0 ||
	    read_pages(item, "promoted_pages", &grant->promoted_pages) < 0 ||
	    read_pages(item, "demoted_pages", &grant->demoted_pages) < 0 ||
	    read_pages(item, "goal_pages", &grant->goal_pages) < 0 ||
	    read_pages(item, "goal_surplus_pages", &grant->goal_surplus_pages) < 0)
		return -EBADMSG;
	/* Leases that were written before there was lending have none. */
	if (json_object_object_get(item, "lent_pages") &&
	    read_pages(item, "lent_pages", &grant->lent_pages) < 0)
		return -EBADMSG;
	return 0;
}

static int read_state(json_object *doc, enum gr_lease_state *ret)
{
	char name[32];

	if (read_text(doc, "state", name, sizeof(name)) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < GR_ARRAY_SIZE(state_names); i++) {
		if (!strcmp(name, state_names[i])) {
			*ret = (enum gr_lease_state)i;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_lease(json_object *doc, struct gr_lease *lease)
{
	json_object *grants = json_object_object_get(doc, "grants");
	int64_t owner, keeper;
	char schema[32];

	if (read_text(doc, "schema", schema, sizeof(schema)) < 0)
		return -EBADMSG;
	if (strcmp(schema, SCHEMA) != 0)
		return strncmp(schema, SCHEMA_ANY, strlen(SCHEMA_ANY)) ? -EBADMSG : -EPROTO;
	if (read_text(doc, "name", lease->name, sizeof(lease->name)) < 0 ||
	    gr_lease_name_check(lease->name, NULL) < 0 || read_state(doc, &lease->state) < 0 ||
	    read_int(doc, "owner_pid", 0, INT32_MAX, &owner) < 0 ||
	    read_u64(doc, "owner_start_time", &lease->owner_start_time) < 0 ||
	    read_int(doc, "keeper_pid", 0, INT32_MAX, &keeper) < 0 ||
	    read_u64(doc, "keeper_start_time", &lease->keeper_start_time) < 0 ||
	    read_int(doc, "since", 0, INT64_MAX, &lease->since) < 0 ||
	    read_u64(doc, "expires_ns", &lease->expires_ns) < 0 ||
	    read_text(doc, "boot_id", lease->boot_id, sizeof(lease->boot_id)) < 0 ||
	    lease->boot_id[strspn(lease->boot_id, UUID_LETTERS)] ||
	    (json_object_object_get(doc, "domain_uuid") &&
	     (read_text(doc, "domain_uuid", lease->domain_uuid, sizeof(lease->domain_uuid)) < 0 ||
	      lease->domain_uuid[strspn(lease->domain_uuid, UUID_LETTERS)])) ||
	    !json_object_is_type(grants, json_type_array))
		return -EBADMSG;
	lease->from_pool = json_object_get_boolean(json_object_object_get(doc, "from_pool"));
	lease->lend = json_object_get_boolean(json_object_object_get(doc, "lend"));
	lease->owner_pid = (pid_t)owner;
	lease->keeper_pid = (pid_t)keeper;
	for (size_t i = 0; i < json_object_array_length(grants); i++) {
		int r = read_grant(json_object_array_get_idx(grants, i), lease);

		if (r < 0)
			return r;
	}
	return 0;
}

int gr_lease_from_text(const char *text, struct gr_lease **ret)
{
	struct gr_lease *lease = NULL;
	struct json_tokener *tokener = json_tokener_new();
	json_object *doc = NULL;
	int r = -ENOMEM;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	doc = json_tokener_parse_ex(tokener, text, (int)strlen(text));
	lease = calloc(1, sizeof(*lease));
	if (!lease)
		goto done;
	r = -EBADMSG;
	text += json_tokener_get_parse_end(tokener);
	if (json_object_is_type(doc, json_type_object) && !text[strspn(text, " \t\r\n")])
		r = read_lease(doc, lease);
	if (r >= 0)
		*ret = gr_steal_ptr(lease);
done:
	gr_lease_free(lease);
	json_object_put(doc);
	json_tokener_free(tokener);
	return r;
}
