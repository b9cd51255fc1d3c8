// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Readers of devices: memory devices, and those that do something with all of the guest's memory
 * (VFIO pins it, virtiofs and vhost-user map it from another process, a balloon gives it back).
 */
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml_private.h"

/* The device whose element we are in; NULL if it did not fit. */
static struct gr_domain_device *current_device(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;

	return domain->device_count ? &domain->devices[domain->device_count - 1] : NULL;
}

int gr_domain_on_device(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	struct gr_domain_device *device;
	unsigned int model = GR_MODEL_OTHER;
	int r = gr_domain_full(element, domain->device_count);

	if (r != 0)
		return r < 0 ? r : 0;
	if (gr_grow(&domain->devices, domain->device_count, sizeof(*device)) < 0)
		return -ENOMEM;
	device = &domain->devices[domain->device_count++];
	device->guest_node = -1;
	device->line = element->line;
	if (!gr_element_attr(element, "model"))
		return gr_domain_missing(element, "model");
	r = gr_domain_word(element, "model", gr_domain_model_names, GR_MODEL_COUNT, &model);
	device->model = (enum gr_domain_model)model;
	if (r >= 0)
		r = gr_domain_word(element, "access", gr_domain_access_names, GR_ACCESS_COUNT,
				   (unsigned int *)&device->access);
	if (r >= 0)
		r = gr_domain_yes(element, "discard", &device->discard);
	return r < 0 ? r : 0;
}

int gr_domain_on_device_path(const struct gr_element *element)
{
	struct gr_domain_device *device = current_device(element);

	return device ? gr_domain_set_text(&device->path, element->text) : 0;
}

int gr_domain_on_device_size(const struct gr_element *element)
{
	struct gr_domain_device *device = current_device(element);
	const struct {
		const char *name;
		uint64_t *value;
	} known[] = {
		{ "size", device ? &device->size_bytes : NULL },
		{ "pagesize", device ? &device->page_size_bytes : NULL },
		{ "alignsize", device ? &device->align_bytes : NULL },
		{ "block", device ? &device->block_bytes : NULL },
		{ "requested", device ? &device->requested_bytes : NULL },
		{ "current", device ? &device->current_bytes : NULL },
	};

	for (size_t i = 0; device && i < GR_ARRAY_SIZE(known); i++) {
		char what[48];
		int r;

		if (strcmp(element->name, known[i].name) != 0)
			continue;
		snprintf(what, sizeof(what), "memory device, <%s>", known[i].name);
		r = gr_domain_bytes(element, what, element->text, element->unit, known[i].value);
		return r < 0 ? r : 0;
	}
	return 0;
}

int gr_domain_on_label(const struct gr_element *element)
{
	struct gr_domain_device *device = current_device(element);
	int r = 0;

	if (device)
		r = gr_domain_bytes(element, "memory device, <label>", element->text, element->unit,
				    &device->label_bytes);
	return r < 0 ? r : 0;
}

int gr_domain_on_device_nodemask(const struct gr_element *element)
{
	struct gr_domain_device *device = current_device(element);
	int r = 0;

	if (device)
		r = gr_domain_nodes(element, "memory device, <nodemask>", element->text,
				    &device->host_nodes);
	return r < 0 ? r : 0;
}

int gr_domain_on_device_node(const struct gr_element *element)
{
	struct gr_domain_device *device = current_device(element);
	unsigned int node;
	int r = 0;

	if (device)
		r = gr_domain_number(element, "memory device, <node>", element->text,
				     GR_DOMAIN_ITEMS_MAX, &node);
	if (r > 0)
		device->guest_node = (int)node;
	return r < 0 ? r : 0;
}

int gr_domain_on_device_flag(const struct gr_element *element)
{
	struct gr_domain_device *device = current_device(element);

	if (device && strcmp(element->name, "pmem") == 0)
		device->pmem = true;
	else if (device)
		device->readonly = true;
	return 0;
}

static bool attr_is(const struct gr_element *element, const char *attr, const char *value)
{
	const char *text = gr_element_attr(element, attr);

	return text && strcmp(text, value) == 0;
}

/* USB and SCSI devices do not pin memory; AP queues and channel devices pin single pages. */
int gr_domain_on_hostdev(const struct gr_element *element)
{
	const char *model = gr_element_attr(element, "model");

	if (attr_is(element, "type", "pci"))
		element->domain->vfio_devices++;
	if (attr_is(element, "type", "mdev") && model && strcmp(model, "vfio-pci") == 0)
		element->domain->vfio_devices++;
	return 0;
}

int gr_domain_on_fs_driver(const struct gr_element *element)
{
	element->domain->virtiofs_devices += attr_is(element, "type", "virtiofs");
	return 0;
}

int gr_domain_on_interface(const struct gr_element *element)
{
	element->domain->vhost_user_devices += attr_is(element, "type", "vhostuser");
	element->domain->vfio_devices +=
		attr_is(element, "type", "hostdev") || attr_is(element, "type", "vdpa");
	return 0;
}

/* An NVMe disk of the host is driven by QEMU itself through VFIO. */
int gr_domain_on_disk(const struct gr_element *element)
{
	bool vhost_user = attr_is(element, "type", "vhostuser");

	element->domain->vhost_user_devices += vhost_user;
	element->domain->vhost_user_disks += vhost_user;
	element->domain->vfio_devices += attr_is(element, "type", "nvme");
	return 0;
}

int gr_domain_on_balloon(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;

	if (attr_is(element, "model", "none"))
		return 0;
	domain->balloon = true;
	domain->autodeflate |= attr_is(element, "autodeflate", "on");
	domain->free_page_reporting |= attr_is(element, "freePageReporting", "on");
	return 0;
}

int gr_domain_on_video_driver(const struct gr_element *element)
{
	element->domain->vhost_user_devices += attr_is(element, "name", "vhostuser");
	return 0;
}

int gr_domain_on_security(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;
	const char *type = gr_element_attr(element, "type");

	if (!type)
		return gr_domain_missing(element, "type");
	domain->security = GR_SECURITY_OTHER;
	for (unsigned int i = GR_SECURITY_SEV; i < GR_SECURITY_OTHER; i++)
		if (strcmp(type, gr_domain_security_names[i]) == 0)
			domain->security = (enum gr_domain_security)i;
	return gr_domain_problem(domain, "GR456", GR_DOMAIN_WARNING, element->line,
				 "a confidential guest (%.40s): its private memory comes from "
				 "guest_memfd, not from these huge pages%s",
				 type,
				 domain->security == GR_SECURITY_SEV ||
						 domain->security == GR_SECURITY_S390_PV ?
					 " where the kernel has it; all of it is pinned" :
					 "");
}

int gr_domain_on_qemu_arg(const struct gr_element *element)
{
	static const char *const words[] = { "-m", "-mem-path", "-mem-prealloc", "-numa",
					     "-overcommit" };
	struct gr_domain *domain = element->domain;
	const char *value = gr_element_attr(element, "value");
	bool memory = value && (strstr(value, "memory-backend") || strstr(value, "memdev="));

	for (size_t i = 0; value && i < GR_ARRAY_SIZE(words); i++)
		memory |= strcmp(value, words[i]) == 0;
	if (!memory)
		return 0;
	domain->qemu_args = true;
	return gr_domain_problem(domain, "GR457", GR_DOMAIN_WARNING, element->line,
				 "qemu:commandline has '%.60s', which is not read: what it takes "
				 "comes on top",
				 value);
}
