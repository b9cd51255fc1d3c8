// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libvirt's library. Its own messages on stderr are turned off: they come back as our errors, once.
 */
#include "libvirt/connect.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/util.h"

struct gr_libvirt {
	virConnectPtr connection;
};

static void silent(void *data, virErrorPtr error)
{
}

static int fail(enum gr_class class, int errnum, const char *what, struct gr_error *err)
{
	const char *words = virGetLastErrorMessage();
	size_t len = strcspn(words, "\n");

	return gr_error_set(err, class, errnum, "%s: %.*s", what, (int)(len < 380 ? len : 380),
			    words);
}

int gr_libvirt_open(const char *uri, struct gr_libvirt **ret, struct gr_error *err)
{
	struct gr_libvirt *libvirt = calloc(1, sizeof(*libvirt));
	int r;

	if (!libvirt)
		return gr_error_nomem(err);
	virSetErrorFunc(NULL, silent);
	libvirt->connection = virConnectOpen(uri ? uri : "qemu:///system");
	if (!libvirt->connection) {
		free(libvirt);
		r = fail(GR_CLASS_HOST, EIO, "libvirt does not answer", err);
		gr_error_hint(err, "is libvirtd or virtqemud running? --file works without it");
		return r;
	}
	*ret = libvirt;
	return 0;
}

void gr_libvirt_close(struct gr_libvirt *libvirt)
{
	if (!libvirt)
		return;
	virConnectClose(libvirt->connection);
	free(libvirt);
}

unsigned long gr_libvirt_version(struct gr_libvirt *libvirt)
{
	unsigned long version = 0;

	return virConnectGetLibVersion(libvirt->connection, &version) < 0 ? 0 : version;
}

static int find(struct gr_libvirt *libvirt, const char *name, virDomainPtr *ret,
		struct gr_error *err)
{
	virDomainPtr domain = virDomainLookupByName(libvirt->connection, name);

	if (!domain)
		domain = virDomainLookupByUUIDString(libvirt->connection, name);
	if (!domain) {
		gr_error_set(err, GR_CLASS_NO, ENOENT, "libvirt has no domain '%.256s'", name);
		gr_error_hint(err, "`virsh list --all` names them");
		return -ENOENT;
	}
	*ret = domain;
	return 0;
}

void gr_libvirt_domain_done(struct gr_libvirt_domain *domain)
{
	free(domain->name);
	free(domain->xml);
	*domain = (struct gr_libvirt_domain){ 0 };
}

int gr_libvirt_domain(struct gr_libvirt *libvirt, const char *name, bool live,
		      struct gr_libvirt_domain *ret, struct gr_error *err)
{
	struct gr_libvirt_domain found = { 0 };
	virDomainPtr domain;
	int r = find(libvirt, name, &domain, err);

	if (r < 0)
		return r;
	found.name = strdup(virDomainGetName(domain));
	found.running = virDomainIsActive(domain) == 1;
	found.saved = virDomainHasManagedSaveImage(domain, 0) == 1;
	found.persistent = virDomainIsPersistent(domain) == 1;
	found.xml = virDomainGetXMLDesc(domain,
					live ? 0 : VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
	virDomainFree(domain);
	if (!found.xml || !found.name) {
		gr_libvirt_domain_done(&found);
		return fail(GR_CLASS_HOST, EIO, "libvirt tells no XML", err);
	}
	*ret = found;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int gr_libvirt_names(struct gr_libvirt *libvirt, char ***ret, size_t *ret_count,
		     struct gr_error *err)
{
	virDomainPtr *domains = NULL;
	int count = virConnectListAllDomains(libvirt->connection, &domains, 0), r = 0;
	char **names;

	if (count < 0)
		return fail(GR_CLASS_HOST, EIO, "libvirt lists no domains", err);
	names = calloc((size_t)count + 1, sizeof(*names));
	for (int i = 0; i < count; i++) {
		if (names && !(names[i] = strdup(virDomainGetName(domains[i]))))
			r = -ENOMEM;
		virDomainFree(domains[i]);
	}
	free(domains);
	if (!names || r < 0) {
		for (int i = 0; names && i < count; i++)
			free(names[i]);
		free(names);
		return gr_error_nomem(err);
	}
	qsort(names, (size_t)count, sizeof(*names), by_text);
	*ret = names;
	*ret_count = (size_t)count;
	return 0;
}

int gr_libvirt_define(struct gr_libvirt *libvirt, const char *xml, struct gr_error *err)
{
	virDomainPtr domain =
		virDomainDefineXMLFlags(libvirt->connection, xml, VIR_DOMAIN_DEFINE_VALIDATE);

	if (!domain)
		return fail(GR_CLASS_USAGE, EINVAL, "libvirt refuses the domain", err);
	virDomainFree(domain);
	return 0;
}

int gr_libvirt_attach(struct gr_libvirt *libvirt, const char *name, const char *xml,
		      struct gr_error *err)
{
	virDomainPtr domain;
	int r = find(libvirt, name, &domain, err);

	if (r < 0)
		return r;
	if (virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
		r = fail(GR_CLASS_HOST, EIO, "libvirt refuses the device", err);
	virDomainFree(domain);
	return r;
}

int gr_libvirt_free_pages(struct gr_libvirt *libvirt, uint64_t page_size_bytes, int node,
			  uint64_t *ret, struct gr_error *err)
{
	unsigned int kib = (unsigned int)(page_size_bytes / 1024);
	unsigned long long counts[64];
	int n = virNodeGetFreePages(libvirt->connection, 1, &kib, node < 0 ? 0 : node,
				    node < 0 ? 64 : 1, counts, 0);

	if (n < 0)
		return fail(GR_CLASS_HOST, EIO, "libvirt tells no free pages", err);
	*ret = 0;
	for (int i = 0; i < n; i++)
		*ret += counts[i];
	return 0;
}
