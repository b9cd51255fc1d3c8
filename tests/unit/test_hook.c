// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libvirt's hook in pure code: which operations are ours, names of leases, the policy of a domain
 * and what it asks to be reserved, which domains are managed, and the history. What changes pools
 * is in tests/bats/hook.bats.
 */
#include "temp_root.h"

#include "base/size.h"
#include "base/util.h"
#include "libvirt/hook.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define POLICY(attributes) "<metadata><g:d xmlns:g='urn:guestram:domain:1' " attributes "/></metadata>"
#define HUGE_2M "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"
#define DOMAIN(inside)                                                                   \
	"<domain type='kvm'>\n<name>vm</name><uuid>" UUID "</uuid><memory unit='GiB'>4</memory>" \
	inside "<os><type>hvm</type></os></domain>"

static void test_actions(void **state)
{
	static const struct {
		const char *op, *subop;
		enum gr_hook_action action;
	} rows[] = {
		{ "prepare", "begin", GR_HOOK_PREPARE },   { "started", "begin", GR_HOOK_STARTED },
		{ "stopped", "end", GR_HOOK_END },	   { "release", "end", GR_HOOK_END },
		{ "reconnect", "begin", GR_HOOK_ADOPT },   { "attach", "begin", GR_HOOK_ADOPT },
		{ "restore", "begin", GR_HOOK_NOTHING },   { "migrate", "begin", GR_HOOK_NOTHING },
		{ "start", "begin", GR_HOOK_NOTHING },	   { "prepare", "end", GR_HOOK_NOTHING },
		{ "release", "begin", GR_HOOK_NOTHING },   { "", "", GR_HOOK_NOTHING },
		{ "what", "ever", GR_HOOK_NOTHING },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++)
		assert_int_equal(gr_hook_action(rows[i].op, rows[i].subop), rows[i].action);
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *lease;
	} rows[] = {
		{ "win11", "win11" },
		{ "a.b-c_d", "a.b-c_d" },
		{ "x y;z", "domain.x_20y_3bz" },
		{ "../../x", "domain..._2f.._2fx" },
		{ ".hidden", "domain..hidden" },
		{ "x_20y", "x_20y" },
		{ "\xc3\xa9", "domain._c3_a9" },
		{ "", "domain." },
	};
	char name[GR_LEASE_NAME_MAX + 1], longest[300];
	struct gr_error err;

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(gr_hook_lease_name(rows[i].name, UUID, name, &err), 0);
		assert_string_equal(name, rows[i].lease);
		assert_int_equal(gr_lease_name_check(name, NULL), 0);
	}
	for (size_t len = 100; len < sizeof(longest); len++) {
		memset(longest, len % 2 ? 'a' : ' ', len);
		longest[len] = '\0';
		assert_int_equal(gr_hook_lease_name(longest, UUID, name, &err), 0);
		assert_int_equal(gr_lease_name_check(name, NULL), 0);
		if (len > GR_LEASE_NAME_MAX) {
			assert_string_equal(name, "domain." UUID);
			assert_int_equal(gr_hook_lease_name(longest, NULL, name, &err),
					 -ENAMETOOLONG);
			assert_int_equal(gr_hook_lease_name(longest, "../../etc/passwd", name, &err),
					 -ENAMETOOLONG);
		}
	}
}

static struct gr_domain *parse(const char *text)
{
	struct gr_domain *domain;
	struct gr_error err = { 0 };

	if (gr_domain_parse(text, strlen(text), &domain, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return domain;
}

static void test_policy(void **state)
{
	_cleanup_domain_ struct gr_domain *domain = parse(DOMAIN(POLICY(
		"backing='static' page-size='1G' nodes='0-1,3' fallback='smaller' "
		"goal='performance' shared='yes' timeout='30s' max-cache-lost='2G' ready='gold'")));
	_cleanup_policy_ struct gr_policy policy = { 0 };
	_cleanup_domain_ struct gr_domain *plain = parse(DOMAIN(HUGE_2M));
	_cleanup_policy_ struct gr_policy none = { 0 };
	_cleanup_free_ char *nodes = NULL;
	struct gr_error err;

	assert_int_equal(gr_policy_read(domain, &policy, &err), 0);
	assert_true(policy.present);
	assert_int_equal(policy.backing, GR_WANT_STATIC);
	assert_int_equal(policy.fallback, GR_INSTEAD_SMALLER);
	assert_int_equal(policy.goal, GR_GOAL_PERFORMANCE);
	assert_int_equal(policy.page_size_bytes, GR_GIB);
	nodes = gr_list_text(&policy.nodes);
	assert_string_equal(nodes, "0-1,3");
	assert_true(policy.shared);
	assert_int_equal(policy.timeout_ns, UINT64_C(30000000000));
	assert_int_equal(policy.max_cache_lost_bytes, 2 * GR_GIB);
	assert_string_equal(policy.ready, "gold");
	assert_int_equal(gr_policy_read(plain, &none, &err), 0);
	assert_false(none.present);
	assert_int_equal(none.backing, GR_WANT_UNSET);
}

static void test_policy_mistakes(void **state)
{
	static const struct {
		const char *key, *value, *message, *hint;
	} rows[] = {
		{ "backng", "dynamic", "there is no key 'backng'", "did you mean 'backing'?" },
		{ "colour", "red", "there is no key 'colour'", "" },
		{ "backing", "dynamc", "backing='dynamc': 'dynamc' is none of its words",
		  "one of: none, thp, static, dynamic" },
		{ "backing", "unset", "backing='unset': ", "one of" },
		{ "backing", "", "backing='': ", "one of" },
		{ "fallback", "all", "fallback='all': ", "one of: none, smaller, thp" },
		{ "goal", "speed", "goal='speed': ", "" },
		{ "page-size", "3M", "page-size='3M': '3M' is no page size", "" },
		{ "page-size", "0", "page-size='0': '0' is no page size", "" },
		{ "page-size", "big", "page-size='big': ", "" },
		{ "nodes", "", "nodes='': ", "" },
		{ "nodes", "x", "nodes='x': ", "" },
		{ "shared", "true", "shared='true': ", "one of: no, yes" },
		{ "timeout", "0", "timeout='0': 0 is too little", "" },
		{ "timeout", "soon", "timeout='soon': ", "" },
		{ "max-cache-lost", "most", "max-cache-lost='most': ", "" },
		{ "ready", "../x", "ready='../x': '../x' cannot be the name of a lease", "" },
		{ "ready", "", "ready='': ", "" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		_cleanup_policy_ struct gr_policy policy = { 0 };
		struct gr_error err = { 0 };

		assert_int_equal(gr_policy_set(&policy, rows[i].key, rows[i].value, &err), -EINVAL);
		assert_int_equal(err.class, GR_CLASS_USAGE);
		assert_int_equal(strncmp(err.message, rows[i].message, strlen(rows[i].message)), 0);
		assert_non_null(strstr(err.hint, rows[i].hint));
	}
	{
		_cleanup_domain_ struct gr_domain *domain =
			parse(DOMAIN(POLICY("backing='dynamic' colour='red'")));
		struct gr_policy policy;
		struct gr_error err = { 0 };

		assert_int_equal(gr_policy_read(domain, &policy, &err), -EINVAL);
		assert_string_equal(err.message, "line 2: policy urn:guestram:domain:1: there is "
						 "no key 'colour'");
	}
}

static uint64_t sizes[] = { 2 * GR_MIB, GR_GIB };
static struct gr_node host_nodes[] = { { .id = 0 }, { .id = 1 } };
static const struct gr_host host = {
	.base_page_bytes = 4096, .default_page_size_bytes = 2 * GR_MIB,
	.page_sizes = sizes, .page_size_count = GR_ARRAY_SIZE(sizes),
	.nodes = host_nodes, .node_count = GR_ARRAY_SIZE(host_nodes),
};

static int ask(const char *text, struct gr_request *ret, struct gr_error *err)
{
	_cleanup_domain_ struct gr_domain *domain = parse(text);
	_cleanup_policy_ struct gr_policy policy = { 0 };
	int r = gr_policy_read(domain, &policy, err);

	assert_int_equal(r, 0);
	assert_int_equal(gr_domain_page_sizes(domain, host.base_page_bytes,
					      host.default_page_size_bytes), 0);
	return gr_policy_request(domain, &policy, &host, ret, err);
}

/* Needs as text: "cell:MiB:page MiB:nodes:policy". */
static void assert_needs(const char *text, enum gr_backing backing, const char *expected)
{
	_cleanup_request_ struct gr_request request = { 0 };
	struct gr_error err = { 0 };
	char got[512] = "";

	if (ask(text, &request, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(request.backing, backing);
	assert_string_equal(request.name, "vm");
	for (size_t i = 0; i < request.need_count; i++) {
		const struct gr_need *need = &request.needs[i];
		_cleanup_free_ char *nodes = gr_list_text(&need->host_nodes);
		size_t used = strlen(got);

		snprintf(got + used, sizeof(got) - used, "%s%d:%llu:%llu:%s:%s", used ? " " : "",
			 need->guest_cell, (unsigned long long)(need->memory_bytes / GR_MIB),
			 (unsigned long long)(need->page_size_bytes / GR_MIB), nodes,
			 gr_node_policy_name(need->policy));
	}
	assert_string_equal(got, expected);
}

#define CELLS                                                                                   \
	"<cpu><numa><cell id='0' cpus='0' memory='1' unit='GiB'/>"                              \
	"<cell id='1' cpus='1' memory='3' unit='GiB'/></numa></cpu><vcpu>2</vcpu>"
#define TWO_SIZES                                                                               \
	"<memoryBacking><hugepages><page size='2048' unit='KiB' nodeset='0'/>"                  \
	"<page size='1' unit='GiB' nodeset='1'/></hugepages></memoryBacking>"
#define ON_NODES                                                                                \
	"<numatune><memnode cellid='0' mode='strict' nodeset='0'/>"                             \
	"<memnode cellid='1' mode='strict' nodeset='1'/></numatune>"

static void test_needs(void **state)
{
	assert_needs(DOMAIN(HUGE_2M), GR_BACKING_DYNAMIC, "-1:4096:2::default");
	assert_needs(DOMAIN("<memoryBacking><hugepages/></memoryBacking>"), GR_BACKING_DYNAMIC,
		     "-1:4096:2::default");
	assert_needs(DOMAIN(HUGE_2M POLICY("backing='static'")), GR_BACKING_STATIC,
		     "-1:4096:2::default");
	assert_needs(DOMAIN(HUGE_2M POLICY("backing='none'")), GR_BACKING_DYNAMIC, "");
	assert_needs(DOMAIN(HUGE_2M POLICY("backing='thp'")), GR_BACKING_DYNAMIC, "");
	assert_needs(DOMAIN(""), GR_BACKING_DYNAMIC, "");
	assert_needs(DOMAIN(POLICY("backing='dynamic' fallback='thp'")), GR_BACKING_DYNAMIC, "");
	assert_needs(DOMAIN(CELLS TWO_SIZES ON_NODES POLICY("backing='dynamic'")),
		     GR_BACKING_DYNAMIC, "0:1024:2:0:bind 1:3072:1024:1:bind");
	/* Nodes of the policy are for needs that are bound to none. */
	assert_needs(DOMAIN(HUGE_2M POLICY("nodes='1'")), GR_BACKING_DYNAMIC,
		     "-1:4096:2:1:bind");
	assert_needs(DOMAIN(CELLS TWO_SIZES ON_NODES POLICY("nodes='0-1'")), GR_BACKING_DYNAMIC,
		     "0:1024:2:0:bind 1:3072:1024:1:bind");
}

static void test_needs_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *message, *hint;
	} rows[] = {
		{ DOMAIN(POLICY("backing='dynamic'")), -EINVAL,
		  "the policy says dynamic, but the domain asks for no huge pages",
		  "guestram libvirt enable" },
		{ DOMAIN(HUGE_2M POLICY("page-size='1G'")), -EINVAL,
		  "the domain takes pages of 2 MiB, its policy says 1 GiB", "guestram libvirt enable" },
		{ DOMAIN(CELLS TWO_SIZES ON_NODES POLICY("nodes='1'")), -EINVAL,
		  "<numatune> puts memory on node 0, the policy says node 1",
		  "guestram libvirt enable" },
		{ DOMAIN(HUGE_2M POLICY("nodes='7'")), -ENODEV, "this host has no node 7", "" },
		{ DOMAIN("<memoryBacking><hugepages><page size='16' unit='MiB'/></hugepages>"
			 "</memoryBacking>"), -ENODEV, "this host has no huge pages of 16 MiB", "" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct gr_request request;
		struct gr_error err = { 0 };

		assert_int_equal(ask(rows[i].text, &request, &err), rows[i].r);
		assert_string_equal(err.message, rows[i].message);
		assert_non_null(strstr(err.hint, rows[i].hint));
	}
}

/* Of a root without pools nothing can be reserved: it is enough to see who gets that far. */
static void test_managed(void **state)
{
	static const struct {
		const char *conf, *text;
		bool managed, refused;
	} rows[] = {
		{ NULL, DOMAIN(HUGE_2M), false, false },
		{ NULL, DOMAIN(HUGE_2M POLICY("backing='dynamic'")), true, true },
		{ NULL, DOMAIN(HUGE_2M POLICY("backing='none'")), false, false },
		{ NULL, DOMAIN(HUGE_2M POLICY("backing='thp'")), false, false },
		{ NULL, DOMAIN(HUGE_2M POLICY("backing='sometimes'")), false, true },
		{ "[libvirt]\nmanage_all = no\n", DOMAIN(HUGE_2M), false, false },
		{ "[libvirt]\nmanage_all = yes\n", DOMAIN(HUGE_2M), true, true },
		{ "[libvirt]\nmanage_all = yes\n", DOMAIN(""), false, false },
		{ "[libvirt]\nmanage_all = yes\n", DOMAIN(HUGE_2M POLICY("backing='none'")), false,
		  false },
		/* A mistake in the settings stops those who rely on them, and nobody else. */
		{ "[libvirt]\nmanage = yes\n", DOMAIN(HUGE_2M), false, false },
		{ "[libvirt]\nmanage = yes\n", DOMAIN(HUGE_2M POLICY("backing='dynamic'")), false,
		  true },
		/* What cannot be read may be ours. */
		{ NULL, "", false, true },
		{ NULL, "<domain><name>vm</name><metadata><x xmlns='urn:guestram:domain:1'", false,
		  true },
		{ NULL, "no XML", false, true },
	};
	static const char *const others[][2] = {
		{ "started", "begin" }, { "stopped", "end" }, { "release", "end" },
		{ "reconnect", "begin" }, { "restore", "begin" }, { "migrate", "begin" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct temp_root *dir;

		temp_root_setup((void **)&dir);
		if (rows[i].conf)
			temp_root_put(dir, GR_CONFIG_PATH, rows[i].conf);
		for (size_t k = 0; k <= GR_ARRAY_SIZE(others); k++) {
			const char *op = k ? others[k - 1][0] : "prepare";
			struct gr_hook hook = {
				.root = dir->root, .name = "vm", .op = op, .reason = "-",
				.action = gr_hook_action(op, k ? others[k - 1][1] : "begin"),
				.text = rows[i].text, .len = strlen(rows[i].text),
			};
			struct gr_error err = { 0 };
			int r = gr_hook_run(&hook, &err);

			if (k == 0) {
				assert_int_equal(hook.managed, rows[i].managed);
				if ((r < 0) != rows[i].refused)
					fail_msg("row %zu: %d %s", i, r, err.message);
				assert_true(r == 0 || err.message[0]);
			} else if (hook.action == GR_HOOK_END || hook.action == GR_HOOK_NOTHING) {
				assert_int_equal(r, 0); /* there is no lease */
			}
			gr_hook_done(&hook);
		}
		temp_root_teardown((void **)&dir);
	}
}

static void test_timeout(void **state)
{
	struct gr_hook hook = { 0 };

	assert_int_equal(gr_hook_timeout_ns(&hook), UINT64_C(10000000000));
	hook.config.hook_timeout_ns = 5;
	assert_int_equal(gr_hook_timeout_ns(&hook), 5);
	hook.policy.timeout_ns = 7;
	assert_int_equal(gr_hook_timeout_ns(&hook), 7);
}

static void test_words(void **state)
{
	static const char *const rows[][2] = {
		{ "8,381 MiB would fit now: -m 8381M", "8,381 MiB would fit now" },
		{ "4G would fit; --keep-free SIZE sets the floor",
		  "4G would fit; keep_free in guestram.conf sets the floor" },
		{ "free memory on the host, or lower the floor with --keep-free",
		  "free memory on the host, or lower the floor with keep_free in guestram.conf" },
		{ "nothing of ours", "nothing of ours" },
		{ "", "" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct gr_error err = { 0 };

		gr_error_hint(&err, "%s", rows[i][0]);
		gr_hook_words(&err);
		assert_string_equal(err.hint, rows[i][1]);
	}
}

static size_t count_events(const struct gr_root *root, const char *name)
{
	json_object *events;
	size_t count;

	assert_int_equal(gr_history_read(root, name, &events, NULL), 0);
	count = json_object_array_length(events);
	json_object_put(events);
	return count;
}

static void test_history(void **state)
{
	struct gr_lease_grant grant = { .node = 1, .page_size_bytes = 2 * GR_MIB, .pages = 7 };
	struct gr_event event = { .name = "x y;\n\"z", .action = "prepare", .outcome = "reserved",
				  .message = "m", .elapsed_ns = 9, .grants = &grant,
				  .grant_count = 1 };
	_cleanup_free_ char *text = NULL, *old = NULL;
	json_object *events, *one;
	struct temp_root *dir = *state;
	size_t len;

	/* Without the state directory nothing is made. */
	assert_int_equal(gr_history_add(dir->root, &event), -ENOENT);
	assert_int_equal(count_events(dir->root, NULL), 0);
	temp_root_put(dir, GR_HISTORY_PATH, "no event\n{\"name\":1}\n[]\n\n{\"time\":1,\"na");
	assert_int_equal(count_events(dir->root, NULL), 0);
	temp_root_put(dir, GR_HISTORY_PATH, "");
	assert_int_equal(gr_history_add(dir->root, &event), 0);
	event.name = "other";
	event.grants = NULL;
	event.grant_count = 0;
	assert_int_equal(gr_history_add(dir->root, &event), 0);
	assert_int_equal(count_events(dir->root, NULL), 2);
	assert_int_equal(count_events(dir->root, "other"), 1);
	assert_int_equal(count_events(dir->root, "nobody"), 0);
	assert_int_equal(gr_history_read(dir->root, "x y;\n\"z", &events, NULL), 0);
	assert_int_equal(json_object_array_length(events), 1);
	one = json_object_object_get(json_object_array_get_idx(events, 0), "grants");
	assert_int_equal(json_object_array_length(one), 1);
	one = json_object_array_get_idx(one, 0);
	assert_int_equal(json_object_get_int64(json_object_object_get(one, "pages")), 7);
	assert_int_equal(json_object_get_int64(json_object_object_get(one, "node")), 1);
	json_object_put(events);
	/* It never takes more than twice its limit, and the newest are there. */
	for (int i = 0; i < 6000; i++)
		assert_int_equal(gr_history_add(dir->root, &event), 0);
	assert_int_equal(gr_root_read(dir->root, GR_HISTORY_PATH, &text, &len, NULL), 0);
	assert_true(len < GR_HISTORY_MAX_BYTES + 512);
	assert_int_equal(gr_root_read(dir->root, GR_HISTORY_PATH ".1", &old, &len, NULL), 0);
	assert_true(len >= GR_HISTORY_MAX_BYTES && len < GR_HISTORY_MAX_BYTES + 512);
	event.name = "last";
	assert_int_equal(gr_history_add(dir->root, &event), 0);
	assert_int_equal(count_events(dir->root, "last"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_policy_mistakes),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_needs_refused),
		cmocka_unit_test(test_managed),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_words),
		cmocka_unit_test_setup_teardown(test_history, temp_root_setup, temp_root_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
