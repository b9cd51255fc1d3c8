// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The next start of a domain, foretold from its XML and the host: by the steps that the hook would
 * take, and what stands in the way of libvirt and QEMU after it.
 */
#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "cli/libvirt_cli.h"
#include "lease/config.h"
#include "libvirt/hook.h"
#include "libvirt/hook_place.h"

static void add_needs(json_object *item, const struct gr_request *request)
{
	json_object *needs = gr_rec_array(item, "needs"), *texts = gr_rec_array(item, "needs_text");

	for (size_t i = 0; i < request->need_count; i++) {
		const struct gr_need *need = &request->needs[i];
		json_object *one = gr_rec_item(needs);
		char size[GR_TEXT_MAX], count[GR_TEXT_MAX];
		uint64_t pages = gr_div_up(need->memory_bytes, need->page_size_bytes);

		gr_rec_u64_known(one, "guest_cell", need->guest_cell >= 0,
				 (uint64_t)need->guest_cell);
		gr_rec_u64(one, "memory_bytes", need->memory_bytes);
		gr_rec_u64(one, "page_size_bytes", need->page_size_bytes);
		gr_rec_u64(one, "pages", pages);
		gr_rec_list(one, "host_nodes", &need->host_nodes);
		gr_rec_item_strf(texts, "%s x %s", gr_count_text(pages, count),
				 gr_size_text(need->page_size_bytes, size));
	}
}

static void add_problem(json_object *problems, const char *code, const char *severity,
			unsigned long line, const char *message)
{
	json_object *item = gr_rec_item(problems);

	gr_rec_str(item, "code", code);
	gr_rec_str(item, "severity", severity);
	gr_rec_u64_known(item, "line", line != 0, line);
	gr_rec_str(item, "message", message);
}

static int answer(json_object *item, bool yes, const char *reason)
{
	gr_rec_bool(item, "would_start", yes);
	gr_rec_str(item, "reason", reason);
	return yes;
}

/* Without the hook, or for a domain that it leaves alone, pages have to be there already. */
static void consider_hook(struct gr_cli *cli, const struct gr_policy *policy, bool all,
			  struct gr_request *request, json_object *problems)
{
	bool hook = gr_root_exists(cli->root, GR_HOOK_PATH);

	if ((hook && (policy->present || all)) || request->backing != GR_BACKING_DYNAMIC)
		return;
	add_problem(
		problems, "no-hook", "warning", 0,
		hook ? "it has no policy, so that nobody reserves pages for it: `guestram libvirt "
		       "enable`" :
		       "the hook is not installed, so that nobody reserves pages for it: "
		       "`guestram libvirt install-hook`");
	request->backing = GR_BACKING_STATIC;
}

/* The host once more, where a person reserved pages for this very domain: they are its own. */
static int read_own(struct gr_cli *cli, const struct gr_domain *domain,
		    const struct gr_policy *policy, struct gr_host **ret)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL;
	char name[GR_LEASE_NAME_MAX + 1];

	if (policy->ready[0])
		snprintf(name, sizeof(name), "%s", policy->ready);
	else if (!domain->name || gr_hook_lease_name(domain->name, domain->uuid, name, NULL) < 0)
		return 0;
	if (gr_ledger_open(cli->root, true, 0, &ledger, NULL) < 0 ||
	    gr_ledger_find(ledger, name, &lease, NULL) < 0 || lease->state != GR_LEASE_HELD)
		return 0;
	return gr_cli_host(cli, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES, name, ret);
}

/* Huge pages that are no memfd's come from a file on a mount of that page size. */
static bool has_mounts(const struct gr_domain *domain, const struct gr_request *request,
		       const struct gr_host *host, struct gr_error *why)
{
	char size[GR_TEXT_MAX];

	for (size_t i = 0; i < request->need_count && domain->source != GR_SOURCE_MEMFD; i++) {
		uint64_t page = request->needs[i].page_size_bytes;
		size_t k = 0;

		while (k < host->mount_count && host->mounts[k].page_size_bytes != page)
			k++;
		if (k < host->mount_count)
			continue;
		gr_error_set(
			why, GR_CLASS_HOST, ENOENT,
			"no hugetlbfs for pages of %s is mounted, and the domain's source is no "
			"memfd: `guestram libvirt enable` makes it one",
			gr_size_text(page, size));
		return false;
	}
	return true;
}

/* The hook cannot choose another size: libvirt has read the domain when it is called. */
static void suggest_fallback(const struct gr_policy *policy, json_object *problems)
{
	static const char *const words[GR_INSTEAD_COUNT] = {
		[GR_INSTEAD_SMALLER] = "the policy accepts smaller pages: `guestram libvirt enable "
				       "--page-size SIZE`",
		[GR_INSTEAD_THP] =
			"the policy accepts transparent huge pages: `guestram libvirt enable "
			"--backing thp`",
	};

	if (words[policy->fallback])
		add_problem(problems, "fallback", "hint", 0, words[policy->fallback]);
}

static int foretell(struct gr_cli *cli, const struct gr_args *args, struct gr_request *request,
		    struct gr_host *host, json_object *item)
{
	_cleanup_plan_ struct gr_plan *plan = NULL;
	struct gr_error why = { 0 };
	struct gr_floor floor = { 0 };
	int r = gr_cli_floor(cli, args, &floor);

	if (r >= 0)
		r = gr_plan_make(request, host, &floor, &plan, &cli->err);
	if (r < 0)
		return r;
	if (gr_plan_error(plan, &why) < 0)
		return answer(item, false, why.message);
	return answer(item, true,
		      request->backing == GR_BACKING_DYNAMIC ? "the pages are there or can be had" :
							       "the pages are in the pool");
}

int gr_cli_forecast(struct gr_cli *cli, const struct gr_args *args, const char *text, size_t len,
		    struct gr_host *host, json_object *item)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	_cleanup_request_ struct gr_request request = { 0 };
	_cleanup_policy_ struct gr_policy policy = { 0 };
	_cleanup_host_ struct gr_host *mine = NULL;
	bool own = !gr_arg(args, "destination");
	struct gr_error why = { 0 };
	struct gr_config config;
	json_object *problems;
	int r = gr_domain_parse(text, len, &domain, &cli->err);

	if (r >= 0)
		r = gr_domain_page_sizes(domain, host->base_page_bytes,
					 host->default_page_size_bytes);
	if (r < 0)
		return r;
	gr_rec_str(item, "domain", domain->name);
	gr_rec_str(item, "uuid", domain->uuid);
	problems = gr_rec_array(item, "problems");
	for (size_t i = 0; i < domain->problem_count; i++)
		add_problem(problems, domain->problems[i].code,
			    gr_domain_severity_name(domain->problems[i].severity),
			    domain->problems[i].line, domain->problems[i].message);
	if (gr_policy_read(domain, &policy, &why) < 0 ||
	    gr_policy_request(domain, &policy, host, &request, &why) < 0) {
		gr_rec_str(item, "backing", gr_policy_backing_name(policy.backing));
		add_needs(item, &request);
		return answer(item, false, why.message);
	}
	gr_rec_str(item, "backing",
		   policy.present    ? gr_policy_backing_name(policy.backing) :
		   domain->hugepages ? "unmanaged" :
				       "none");
	add_needs(item, &request);
	if (gr_domain_error(domain, &why) < 0)
		return answer(item, false, why.message);
	if (!request.need_count)
		return answer(item, true, "it takes no pages of the pools");
	if (request.backing == GR_BACKING_AUTO)
		request.backing = GR_BACKING_DYNAMIC;
	if (gr_config_read(cli->root, &config, &cli->err) < 0)
		return -EINVAL;
	consider_hook(cli, &policy, config.manage_all, &request, problems);
	if (!has_mounts(domain, &request, host, &why))
		return answer(item, false, why.message);
	if (own)
		r = read_own(cli, domain, &policy, &mine);
	if (r >= 0)
		r = foretell(cli, args, &request, mine ? mine : host, item);
	if (r == 0)
		suggest_fallback(&policy, problems);
	return r;
}
