// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is wrong with memory devices, and with needs: memory that others are to map and that is not
 * shared, cells without memory. See domain_xml_check.c for what is an error, a warning, a hint.
 */
#include "base/size.h"
#include "guest/domain_xml_private.h"

/* libvirt takes the host's THP size, which on arm64 with 64 KiB pages is 512 MiB; the least of all.
 */
#define VIRTIO_MEM_BLOCK (2 * GR_MIB)

static int device_error(struct gr_domain *domain, size_t i, const char *code, const char *what)
{
	return gr_domain_problem(domain, code, GR_DOMAIN_ERROR, domain->devices[i].line,
				 "memory device %zu (%s): %s", i + 1,
				 gr_domain_model_name(domain->devices[i].model), what);
}

static int check_virtio_mem(struct gr_domain *domain, size_t i)
{
	const struct gr_domain_device *device = &domain->devices[i];
	uint64_t block = device->block_bytes;

	if (block < VIRTIO_MEM_BLOCK || block & (block - 1))
		return device_error(domain, i, "GR448",
				    "<block> has to be a power of two, and a transparent huge page "
				    "(2 MiB) at least");
	if (device->requested_bytes % block)
		return device_error(domain, i, "GR448", "<requested> is no multiple of <block>");
	if (device->requested_bytes > device->size_bytes)
		return device_error(domain, i, "GR448", "<requested> is more than <size>");
	return 0;
}

static int check_device(struct gr_domain *domain, size_t i)
{
	const struct gr_domain_device *device = &domain->devices[i];
	int r = 0;

	if (device->model == GR_MODEL_OTHER)
		return 0; /* said already */
	if (device->size_bytes == 0)
		r = device_error(domain, i, "GR434", "no <size>");
	if (r == 0 && gr_domain_is_data(device) && !device->path)
		r = device_error(domain, i, "GR434", "no <path>");
	if (r == 0 && device->model == GR_MODEL_VIRTIO_MEM)
		r = check_virtio_mem(domain, i);
	if (r == 0 && device->model == GR_MODEL_VIRTIO_PMEM &&
	    (device->access != GR_ACCESS_SHARED || device->guest_node >= 0))
		r = device_error(domain, i, "GR448", "needs access='shared' and no <node>");
	if (r < 0 || device->model == GR_MODEL_VIRTIO_PMEM || device->model == GR_MODEL_SGX_EPC)
		return r;
	if (device->guest_node < 0)
		return domain->cell_count ?
			       device_error(domain, i, "GR448", "no <node>: which guest cell?") :
			       0;
	if ((size_t)device->guest_node >= domain->cell_count)
		return device_error(domain, i, "GR448", "<node> is a guest cell that is not there");
	return 0;
}

int gr_domain_check_devices(struct gr_domain *domain)
{
	uint64_t total = 0;
	unsigned int in_slots = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < domain->device_count; i++) {
		const struct gr_domain_device *device = &domain->devices[i];

		in_slots += device->model == GR_MODEL_DIMM || device->model == GR_MODEL_NVDIMM;
		if (__builtin_add_overflow(total, device->size_bytes, &total))
			total = UINT64_MAX;
		r = check_device(domain, i);
		if (r == 0 && !domain->max_memory_bytes && device->model != GR_MODEL_SGX_EPC)
			r = device_error(domain, i, "GR446",
					 "there is no <maxMemory>, which it needs");
	}
	for (size_t i = 0; i < domain->cell_count; i++)
		if (__builtin_add_overflow(total, domain->cells[i].memory_bytes, &total))
			total = UINT64_MAX;
	if (domain->cell_count == 0)
		total = domain->memory_bytes;
	if (r < 0 || !domain->max_memory_bytes)
		return r;
	if (domain->cell_count == 0)
		r = gr_domain_problem(domain, "GR447", GR_DOMAIN_ERROR, domain->memory_line,
				      "<maxMemory> needs a guest cell (<cpu><numa>)");
	if (r == 0 && domain->max_memory_bytes < total)
		r = gr_domain_problem(domain, "GR449", GR_DOMAIN_ERROR, domain->memory_line,
				      "<maxMemory> is less than the guest has already");
	if (r == 0 && in_slots > domain->memory_slots)
		r = gr_domain_problem(domain, "GR449", GR_DOMAIN_ERROR, domain->memory_line,
				      "%u memory devices and %u slots in <maxMemory>", in_slots,
				      domain->memory_slots);
	return r;
}

static int check_sharing(struct gr_domain *domain, size_t i)
{
	const struct gr_need *need = &domain->request.needs[i];
	const struct gr_domain_need *more = &domain->needs[i];
	char what[32];
	int r = 0;

	gr_domain_need_name(domain, i, what);
	/* libvirt wants it said, although a memfd is shared anyhow. */
	if ((domain->virtiofs_devices || domain->vhost_user_disks) && more->device < 0 &&
	    more->access != GR_ACCESS_SHARED)
		r = gr_domain_problem(domain, "GR444", GR_DOMAIN_ERROR, more->line,
				      "%s: virtiofs and vhost-user disks need <access "
				      "mode='shared'/> in <memoryBacking>",
				      what);
	else if (domain->request.shared && !need->shared)
		r = gr_domain_problem(domain, "GR421", GR_DOMAIN_WARNING, more->line,
				      "%s is not shared: vhost-user will not work; <access "
				      "mode='shared'/> is needed",
				      what);
	if (r == 0 && domain->vfio_devices && !need->shared && more->hugetlb)
		r = gr_domain_problem(domain, "GR422", GR_DOMAIN_WARNING, more->line,
				      "%s is a private mapping of a file: with VFIO it may take up "
				      "to twice the pages; <access mode='shared'/> avoids it",
				      what);
	return r;
}

int gr_domain_check_needs(struct gr_domain *domain)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < domain->request.need_count; i++) {
		const struct gr_need *need = &domain->request.needs[i];
		char what[32];

		if (need->memory_bytes == 0 && domain->needs[i].device < 0)
			r = gr_domain_problem(domain, "GR434", GR_DOMAIN_ERROR,
					      domain->needs[i].line, "%s has no memory",
					      gr_domain_need_name(domain, i, what));
		if (r == 0)
			r = check_sharing(domain, i);
	}
	return r;
}
