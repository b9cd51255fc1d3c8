// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A domain as a value: words of its enumerations (libvirt's own, so that the same table reads and
 * prints), its problems, freeing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml_private.h"

const char *const gr_domain_source_names[GR_SOURCE_COUNT] = {
	[GR_SOURCE_NONE] = "none",
	[GR_SOURCE_FILE] = "file",
	[GR_SOURCE_ANONYMOUS] = "anonymous",
	[GR_SOURCE_MEMFD] = "memfd",
};
const char *const gr_domain_access_names[GR_ACCESS_COUNT] = {
	[GR_ACCESS_NONE] = "none",
	[GR_ACCESS_SHARED] = "shared",
	[GR_ACCESS_PRIVATE] = "private",
};
const char *const gr_domain_allocation_names[GR_ALLOCATION_COUNT] = {
	[GR_ALLOCATION_NONE] = "none",
	[GR_ALLOCATION_IMMEDIATE] = "immediate",
	[GR_ALLOCATION_ONDEMAND] = "ondemand",
};
const char *const gr_domain_mode_names[GR_MODE_COUNT] = {
	[GR_MODE_NONE] = "none",
	[GR_MODE_STRICT] = "strict",
	[GR_MODE_PREFERRED] = "preferred",
	[GR_MODE_INTERLEAVE] = "interleave",
	[GR_MODE_RESTRICTIVE] = "restrictive",
};
const char *const gr_domain_security_names[GR_SECURITY_COUNT] = {
	[GR_SECURITY_NONE] = "none",	   [GR_SECURITY_SEV] = "sev",
	[GR_SECURITY_SEV_SNP] = "sev-snp", [GR_SECURITY_TDX] = "tdx",
	[GR_SECURITY_S390_PV] = "s390-pv", [GR_SECURITY_OTHER] = "other",
};
const char *const gr_domain_model_names[GR_MODEL_COUNT] = {
	[GR_MODEL_OTHER] = "other",
	[GR_MODEL_DIMM] = "dimm",
	[GR_MODEL_NVDIMM] = "nvdimm",
	[GR_MODEL_VIRTIO_MEM] = "virtio-mem",
	[GR_MODEL_VIRTIO_PMEM] = "virtio-pmem",
	[GR_MODEL_SGX_EPC] = "sgx-epc",
};
static const char *const severity_names[] = {
	[GR_DOMAIN_HINT] = "hint",
	[GR_DOMAIN_WARNING] = "warning",
	[GR_DOMAIN_ERROR] = "error",
};

static const char *name_of(const char *const *names, size_t count, unsigned int value)
{
	return value < count ? names[value] : "unknown";
}

const char *gr_domain_source_name(enum gr_domain_source source)
{
	return name_of(gr_domain_source_names, GR_SOURCE_COUNT, source);
}

const char *gr_domain_access_name(enum gr_domain_access access)
{
	return name_of(gr_domain_access_names, GR_ACCESS_COUNT, access);
}

const char *gr_domain_allocation_name(enum gr_domain_allocation allocation)
{
	return name_of(gr_domain_allocation_names, GR_ALLOCATION_COUNT, allocation);
}

const char *gr_domain_mode_name(enum gr_domain_mode mode)
{
	return name_of(gr_domain_mode_names, GR_MODE_COUNT, mode);
}

const char *gr_domain_security_name(enum gr_domain_security security)
{
	return name_of(gr_domain_security_names, GR_SECURITY_COUNT, security);
}

const char *gr_domain_model_name(enum gr_domain_model model)
{
	return name_of(gr_domain_model_names, GR_MODEL_COUNT, model);
}

const char *gr_domain_severity_name(enum gr_domain_severity severity)
{
	return name_of(severity_names, GR_ARRAY_SIZE(severity_names), severity);
}

int gr_domain_problem(struct gr_domain *domain, const char *code, enum gr_domain_severity severity,
		      unsigned long line, const char *fmt, ...)
{
	struct gr_domain_problem problem = { .severity = severity, .line = line };
	size_t at = domain->problem_count;
	va_list args;
	int r;

	if (at >= GR_DOMAIN_PROBLEMS_MAX)
		return 0;
	va_start(args, fmt);
	r = vasprintf(&problem.message, fmt, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	if (gr_grow(&domain->problems, at, sizeof(problem)) < 0) {
		free(problem.message);
		return -ENOMEM;
	}
	snprintf(problem.code, sizeof(problem.code), "%s", code);
	/* By line; of the same line in the order of finding. */
	for (; at > 0 && domain->problems[at - 1].line > line; at--)
		domain->problems[at] = domain->problems[at - 1];
	domain->problems[at] = problem;
	domain->problem_count++;
	return 0;
}

bool gr_domain_has_problem(const struct gr_domain *domain, const char *code)
{
	for (size_t i = 0; i < domain->problem_count; i++)
		if (strcmp(domain->problems[i].code, code) == 0)
			return true;
	return false;
}

int gr_domain_error(const struct gr_domain *domain, struct gr_error *err)
{
	for (size_t i = 0; i < domain->problem_count; i++)
		if (domain->problems[i].severity == GR_DOMAIN_ERROR)
			return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s: %s (line %lu)",
					    domain->problems[i].code, domain->problems[i].message,
					    domain->problems[i].line);
	return 0;
}

int gr_domain_set_text(char **text, const char *value)
{
	if (*text)
		return 0;
	*text = strdup(value);
	return *text ? 0 : -ENOMEM;
}

void gr_domain_free(struct gr_domain *domain)
{
	if (!domain)
		return;
	for (size_t i = 0; i < domain->page_count; i++)
		gr_list_done(&domain->pages[i].guest_nodes);
	for (size_t i = 0; i < domain->cell_count; i++)
		free(domain->cells[i].cpus);
	for (size_t i = 0; i < domain->memnode_count; i++)
		gr_list_done(&domain->memnodes[i].host_nodes);
	for (size_t i = 0; i < domain->device_count; i++) {
		gr_list_done(&domain->devices[i].host_nodes);
		free(domain->devices[i].path);
	}
	for (size_t i = 0; i < domain->policy_count; i++) {
		free(domain->policies[i].key);
		free(domain->policies[i].value);
	}
	for (size_t i = 0; i < domain->problem_count; i++)
		free(domain->problems[i].message);
	gr_list_done(&domain->numatune.host_nodes);
	gr_request_done(&domain->request);
	free(domain->needs);
	free(domain->pages);
	free(domain->cells);
	free(domain->memnodes);
	free(domain->devices);
	free(domain->policies);
	free(domain->problems);
	free(domain->name);
	free(domain->uuid);
	free(domain->arch);
	free(domain->machine);
	free(domain);
}
