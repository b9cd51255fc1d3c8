// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Enabling: what an earlier one did is undone, what was not said is filled in, the steps are taken
 * (edit_steps.c), and the result is read once more, as libvirt and the host will see it.
 */
#include <string.h>

#include "base/util.h"
#include "libvirt/edit_private.h"

/* What was not given: as the policy has it, and as the domain says. */
static int fill_in(const struct gr_domain *domain, const struct gr_policy *policy,
		   struct gr_enable *how, char **nodes, struct gr_error *err)
{
	bool was_pool = policy->backing == GR_WANT_STATIC || policy->backing == GR_WANT_DYNAMIC;

	if (how->backing == GR_WANT_UNSET)
		how->backing = policy->backing ? policy->backing : GR_WANT_DYNAMIC;
	if (!how->page_count && policy->page_size_bytes && was_pool)
		how->pages[how->page_count++].size_bytes = policy->page_size_bytes;
	/* "Huge" pages of the base size are none. */
	if (!how->page_count &&
	    (!domain->hugepages || gr_edit_small_bytes(domain) >= domain->initial_bytes))
		how->pages[how->page_count++].size_bytes = how->default_page_bytes;
	if (!how->nodes && policy->nodes.count) {
		*nodes = gr_list_text(&policy->nodes);
		if (!*nodes)
			return gr_error_nomem(err);
		how->nodes = *nodes;
	}
	how->shared |= policy->shared;
	if (how->backing != GR_WANT_STATIC && how->backing != GR_WANT_DYNAMIC)
		how->page_count = 0;
	else if (how->page_count && !how->pages[0].size_bytes)
		return gr_error_set(err, GR_CLASS_HOST, ENODEV, "this host has no huge pages");
	return 0;
}

static int check_kind(const struct gr_domain *domain, struct gr_error *err)
{
	if (strcmp(domain->type, "kvm") != 0 && strcmp(domain->type, "qemu") != 0)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "a domain of type '%s': only those of QEMU can be edited",
				    domain->type);
	if (domain->security == GR_SECURITY_SEV_SNP || domain->security == GR_SECURITY_TDX)
		return gr_error_set(
			err, GR_CLASS_USAGE, EINVAL,
			"guests of %s have their private memory from the kernel, not from "
			"huge pages",
			gr_domain_security_name(domain->security));
	return 0;
}

/* libvirt writes each of these once. Which of two counts is its business. */
static int check_single(const struct gr_xml *xml, struct gr_error *err)
{
	static const char *const paths[] = {
		"memoryBacking[1]",
		"memoryBacking/hugepages[1]",
		"memoryBacking/source[1]",
		"memoryBacking/access[1]",
		"memoryBacking/allocation[1]",
		"memoryBacking/discard[1]",
		"memoryBacking/nosharepages[1]",
		"numatune[1]",
		"memtune[1]",
		"metadata[1]",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(paths); i++) {
		if (gr_xml_find(xml, paths[i]) < 0)
			continue;
		gr_error_set(err, GR_CLASS_USAGE, EINVAL, "the domain has a second <%.*s>",
			     (int)strcspn(paths[i], "["), paths[i]);
		gr_error_hint(err, "`virsh define` it first: libvirt writes each element once");
		return -EINVAL;
	}
	return 0;
}

/* The edited text once more, as libvirt and the host will see it: errors refuse it, warnings go
 * along. */
static int check_result(struct gr_editing *editing, const struct gr_enable *how,
			struct gr_error *err)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	int r = gr_domain_parse(editing->xml.text, editing->xml.len, &domain, err);

	if (r >= 0)
		r = gr_domain_page_sizes(domain, how->base_page_bytes, how->default_page_bytes);
	if (r >= 0)
		r = gr_domain_error(domain, err);
	for (size_t i = 0; r >= 0 && i < domain->problem_count; i++) {
		if (domain->problems[i].severity == GR_DOMAIN_WARNING)
			r = gr_edit_note(editing, GR_CHANGE_WARN, "", err, "%s: %s",
					 domain->problems[i].code, domain->problems[i].message);
	}
	return r;
}

int gr_edit_enable(const char *text, size_t len, const struct gr_enable *asked, struct gr_edit *ret,
		   struct gr_error *err)
{
	_cleanup_editing_ struct gr_editing editing = { 0 };
	_cleanup_domain_ struct gr_domain *was = NULL, *domain = NULL;
	_cleanup_policy_ struct gr_policy policy = { 0 };
	_cleanup_free_ char *nodes = NULL;
	struct gr_enable how = *asked;
	int r = gr_domain_parse(text, len, &was, err);

	if (r >= 0)
		r = check_kind(was, err);
	if (r >= 0)
		r = gr_policy_read(was, &policy, err);
	if (r >= 0)
		r = gr_xml_open(text, len, &editing.xml, err);
	if (r >= 0)
		r = check_single(&editing.xml, err);
	if (r >= 0)
		r = gr_edit_undo_ours(&editing, err);
	gr_edit_keep(&editing, GR_CHANGE_LEFT);
	if (r >= 0)
		r = gr_domain_parse(editing.xml.text, editing.xml.len, &domain, err);
	if (r >= 0)
		r = gr_domain_page_sizes(domain, how.base_page_bytes, how.default_page_bytes);
	if (r >= 0)
		r = fill_in(domain, &policy, &how, &nodes, err);
	if (r >= 0)
		r = gr_edit_steps(&editing, domain, &how, err);
	if (r >= 0)
		r = gr_edit_policy(&editing, &how, err);
	if (r >= 0)
		r = check_result(&editing, &how, err);
	return r < 0 ? r : gr_edit_take(&editing, text, len, ret, err);
}
