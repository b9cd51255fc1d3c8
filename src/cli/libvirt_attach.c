// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram libvirt attach-memory: pages for a memory device are reserved, the device is plugged
 * into the running domain, and the pages become its QEMU's. If libvirt or QEMU refuses it, they go
 * back.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "cli/libvirt_cli.h"
#include "libvirt/xml_edit.h"
#include "verify/libvirt_pid.h"

#define ATTACH_SECONDS 120 /* and one for each GiB */

static const struct gr_section sections[] = {
	{ .path = "",
	  GR_COLUMNS({ "domain", "Domain", GR_FMT_TEXT }, { "pages", "Pages", GR_FMT_COUNT },
		     { "page_size_bytes", "Of", GR_FMT_BYTES },
		     { "lease", "Lease", GR_FMT_TEXT }) },
	{ .path = "notes" },
};

struct attaching {
	struct gr_libvirt_domain domain;
	char *device; /* the XML of the file */
	size_t device_len;
	struct gr_need need; /* of the device; a copy that owns its nodes */
	pid_t pid;
	char lease_name[GR_LEASE_NAME_MAX + 1];
};

/* The live domain with the device in it is read as a whole: source, access and nodes are inherited.
 */
static int read_need(struct gr_cli *cli, const struct gr_host *host, struct attaching *a)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	_cleanup_free_ char *with = NULL;
	const char *end = NULL, *xml = a->domain.xml;
	size_t index;
	int r;

	for (const char *at = xml; (at = strstr(at, "</devices>")); at++)
		end = at;
	if (!end)
		return gr_error_set(&cli->err, GR_CLASS_USAGE, EINVAL,
				    "the domain has no <devices>");
	if (gr_asprintf(&with, "%.*s%s%s", (int)(end - xml), xml, a->device, end) < 0)
		return gr_error_nomem(&cli->err);
	r = gr_domain_parse(with, strlen(with), &domain, &cli->err);
	if (r >= 0)
		r = gr_domain_page_sizes(domain, host->base_page_bytes,
					 host->default_page_size_bytes);
	if (r < 0)
		return r;
	for (index = domain->request.need_count; index-- > 0;) {
		if (domain->needs[index].device == (int)domain->device_count - 1)
			break;
	}
	if (index == SIZE_MAX || !domain->needs[index].hugetlb ||
	    !domain->request.needs[index].page_size_bytes)
		return 0;
	a->need = domain->request.needs[index];
	a->need.backend_id = NULL;
	a->need.host_nodes = (struct gr_list){ 0 };
	return gr_list_copy(&domain->request.needs[index].host_nodes, &a->need.host_nodes);
}

static int check_device(struct gr_cli *cli, const struct attaching *a)
{
	struct gr_xml_spans spans = { 0 };
	bool memory;
	int r = gr_xml_spans_read(a->device, a->device_len, &spans, &cli->err);

	if (r < 0)
		return r;
	memory = !strcmp(spans.spans[0].name, "memory");
	gr_xml_spans_done(&spans);
	return memory ? 0 : gr_cli_usage(cli, "the file is no <memory> device");
}

static int read_all(struct gr_cli *cli, const struct gr_args *args, struct gr_libvirt *libvirt,
		    const struct gr_host *host, struct attaching *a)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0;
	int r = gr_libvirt_domain(libvirt, args->words[1], true, &a->domain, &cli->err);

	if (r >= 0 && !a->domain.running)
		r = gr_error_set(
			&cli->err, GR_CLASS_NO, ESRCH,
			"domain '%s' does not run: `virsh attach-device --config` is enough",
			a->domain.name);
	if (r >= 0)
		r = gr_cli_read_file(cli, args->words[2], &a->device, &a->device_len);
	if (r >= 0)
		r = check_device(cli, a);
	if (r >= 0)
		r = read_need(cli, host, a);
	if (r < 0)
		return r;
	if (gr_libvirt_pids(cli->root, a->domain.name, &pids, &count) < 0)
		return gr_error_nomem(&cli->err);
	if (count != 1)
		return gr_error_set(&cli->err, GR_CLASS_SYSTEM, ESRCH,
				    "the QEMU of '%s' is not to be found", a->domain.name);
	a->pid = pids[0];
	/* By pid: a domain may get several, and its name may be no name of a lease. */
	snprintf(a->lease_name, sizeof(a->lease_name), "memory-%d-%ju", (int)a->pid,
		 (uintmax_t)(gr_now_ns() / 1000000));
	return 0;
}

/* Reserved, attached, owned; or given back. The lock is held meanwhile: what lies free in the pool
 * for a moment is then nobody else's. */
static int attach(struct gr_cli *cli, const struct gr_args *args, struct gr_libvirt *libvirt,
		  const struct gr_plan *plan, const struct attaching *a)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL;
	struct gr_reserve_report report = { 0 };
	struct gr_reserve_options options = {
		.grants = plan->grants,
		.grant_count = plan->grant_count,
		.pending = true,
		.interrupted = gr_cli_catch_signals(),
	};
	struct gr_error local;
	int r = gr_cli_floor(cli, args, &options.floor);

	/* Reserving has a limit of its own. */
	alarm(0);
	if (r >= 0)
		r = gr_cli_ledger(cli, &ledger);
	if (r >= 0)
		r = gr_reserve(ledger, a->lease_name, &options, &lease, &report, &cli->err);
	gr_reserve_report_done(&report);
	if (r < 0)
		return r;
	/* QEMU touches all of it before it answers. */
	alarm(ATTACH_SECONDS +
	      (unsigned int)(gr_min_u64(a->need.memory_bytes, GR_GIB << 16) / GR_GIB));
	r = gr_libvirt_attach(libvirt, a->domain.name, a->device, &cli->err);
	alarm(0);
	if (r >= 0) {
		lease->from_pool = true;
		r = gr_lease_set_owner(ledger, lease, a->pid, &cli->err);
		if (r >= 0)
			gr_lease_settle(ledger, lease, NULL);
		return r;
	}
	local = cli->err;
	if (gr_give_back_own(ledger, lease, NULL, &cli->err) >= 0)
		cli->err = local;
	return r;
}

static int print(struct gr_cli *cli, const struct attaching *a, bool dry)
{
	json_object *doc = gr_rec_new("libvirt"), *notes;
	bool pool = a->need.page_size_bytes;
	int r;

	gr_rec_str(doc, "verb", "attach-memory");
	gr_rec_str(doc, "domain", a->domain.name);
	gr_rec_bool(doc, "changed", !dry);
	gr_rec_u64(doc, "pages", pool ? a->need.memory_bytes / a->need.page_size_bytes : 0);
	gr_rec_u64_known(doc, "page_size_bytes", pool, a->need.page_size_bytes);
	gr_rec_str(doc, "lease", pool && !dry ? a->lease_name : NULL);
	notes = gr_rec_array(doc, "notes");
	if (dry)
		gr_rec_item_str(notes, "nothing was changed (--dry-run)");
	else if (pool)
		gr_rec_item_str(notes, "the pages go back when the domain ends");
	else
		gr_rec_item_str(notes,
				"the device takes no huge pages: nothing had to be reserved");
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

int gr_libvirt_attach_memory(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_libvirt_ struct gr_libvirt *libvirt = NULL;
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_plan_ struct gr_plan *plan = NULL;
	struct gr_request request = { .backing = GR_BACKING_DYNAMIC };
	struct attaching a = { 0 };
	struct gr_floor floor = { 0 };
	int r = gr_cli_host(cli, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES, NULL, &host);

	if (r >= 0)
		r = gr_cli_floor(cli, args, &floor);
	if (r >= 0)
		r = gr_libvirt_open(gr_arg(args, "connect"), &libvirt, &cli->err);
	if (r >= 0)
		r = read_all(cli, args, libvirt, host, &a);
	if (r >= 0 && a.need.page_size_bytes) {
		request.needs = &a.need;
		request.need_count = 1;
		r = gr_plan_make(&request, host, &floor, &plan, &cli->err);
		if (r >= 0)
			r = gr_plan_error(plan, &cli->err);
		if (r >= 0 && !gr_arg(args, "dry-run"))
			r = attach(cli, args, libvirt, plan, &a);
	} else if (r >= 0 && !gr_arg(args, "dry-run")) {
		r = gr_libvirt_attach(libvirt, a.domain.name, a.device, &cli->err);
	}
	if (r >= 0)
		r = print(cli, &a, gr_arg(args, "dry-run"));
	gr_libvirt_domain_done(&a.domain);
	gr_list_done(&a.need.host_nodes);
	free(a.device);
	return r;
}
