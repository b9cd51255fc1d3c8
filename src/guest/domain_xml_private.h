/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the files that read a domain. domain_xml.c is the way through it: domain_xml_walk.c walks
 * the document and hands elements to the readers in domain_xml_read.c, _tune.c and _device.c, which
 * read values with domain_xml_units.c; what they collect becomes needs in domain_xml_needs.c, and
 * domain_xml_check.c and _check_devices.c say what is wrong.
 */
#ifndef GR_GUEST_DOMAIN_XML_PRIVATE_H
#define GR_GUEST_DOMAIN_XML_PRIVATE_H

#include "guest/domain_xml.h"

/* Bits of gr_domain.seen: of these the first counts. */
enum gr_domain_once {
	GR_ONCE_MEMORY,
	GR_ONCE_CURRENT,
	GR_ONCE_MAX,
	GR_ONCE_SOURCE,
	GR_ONCE_ACCESS,
	GR_ONCE_ALLOCATION,
	GR_ONCE_TUNE,
	GR_ONCE_POLICY,
};

/* An element while it is read. */
struct gr_element {
	struct gr_domain *domain;
	const char *name;
	const char **attrs; /* name, value, ..., NULL; NULL at the end of the element */
	const char *text;   /* all of it, only at the end; NULL at the start */
	const char *unit;   /* attribute "unit" or "", at the end */
	unsigned long line; /* where it starts */
};

/* Return: 0, or -ENOMEM; whatever else is wrong becomes a problem. */
typedef int gr_element_reader(const struct gr_element *element);

gr_element_reader gr_domain_on_domain, gr_domain_on_name, gr_domain_on_uuid, gr_domain_on_memory,
	gr_domain_on_current, gr_domain_on_max, gr_domain_on_max_text, gr_domain_on_vcpu,
	gr_domain_on_vcpu_text, gr_domain_on_hugepages, gr_domain_on_page,
	gr_domain_on_nosharepages, gr_domain_on_locked, gr_domain_on_source, gr_domain_on_access,
	gr_domain_on_allocation, gr_domain_on_discard, gr_domain_on_cell, gr_domain_on_tune,
	gr_domain_on_memnode, gr_domain_on_limit, gr_domain_on_os_type, gr_domain_on_security,
	gr_domain_on_qemu_arg;
gr_element_reader gr_domain_on_device, gr_domain_on_device_path, gr_domain_on_device_size,
	gr_domain_on_device_nodemask, gr_domain_on_device_node, gr_domain_on_device_flag,
	gr_domain_on_label, gr_domain_on_hostdev, gr_domain_on_fs_driver, gr_domain_on_interface,
	gr_domain_on_disk, gr_domain_on_balloon, gr_domain_on_video_driver;

/** gr_element_attr - value of an attribute, NULL if it is not there. */
const char *gr_element_attr(const struct gr_element *element, const char *name);

/** gr_domain_problem - note what is wrong at @line. Return: 0 or -ENOMEM. */
int gr_domain_problem(struct gr_domain *domain, const char *code, enum gr_domain_severity severity,
		      unsigned long line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/**
 * gr_domain_scale - a number and its unit as libvirt reads them
 * @unit: NULL or "" is KiB
 *
 * Return: 0, -EINVAL (no number), -ENOENT (no unit of libvirt's) or -ERANGE (2^63 bytes and more).
 */
int gr_domain_scale(const char *number, const char *unit, uint64_t *ret_bytes);

/**
 * gr_domain_bytes - gr_domain_scale() rounded up to KiB; what does not work becomes a problem
 * @what: the words for it
 *
 * Return: 1 set, 0 not (there is a problem then), -ENOMEM.
 */
int gr_domain_bytes(const struct gr_element *element, const char *what, const char *number,
		    const char *unit, uint64_t *ret_bytes);

/** gr_domain_number - a plain number below @max. Return: as gr_domain_bytes(). */
int gr_domain_number(const struct gr_element *element, const char *what, const char *text,
		     uint64_t max, unsigned int *ret);

/**
 * gr_domain_nodes - a set as libvirt writes it, "0-3,^2,8"; the empty set is none
 *
 * Return: as gr_domain_bytes().
 */
int gr_domain_nodes(const struct gr_element *element, const char *what, const char *text,
		    struct gr_list *ret);

/**
 * gr_domain_word - index of an attribute's word in @names
 *
 * Return: 1 set, 0 not given or (a problem) none of them, -ENOMEM.
 */
int gr_domain_word(const struct gr_element *element, const char *attr, const char *const *names,
		   size_t count, unsigned int *ret);

/** gr_domain_yes - "yes" or "no". Return: as gr_domain_word(). */
int gr_domain_yes(const struct gr_element *element, const char *attr, enum gr_domain_answer *ret);

/** gr_domain_missing - a problem: an attribute or element is not there. Return: 0 or -ENOMEM. */
int gr_domain_missing(const struct gr_element *element, const char *what);

/** gr_domain_first - is it the first of its kind? Return: 1 yes, 0 no (a problem), -ENOMEM. */
int gr_domain_first(const struct gr_element *element, enum gr_domain_once once);

/** gr_domain_full - are there too many of them? Return: 1 yes, 0 no, -ENOMEM. */
int gr_domain_full(const struct gr_element *element, size_t count);

/** gr_domain_set_text - a copy of @value if *@text is not set yet. Return: 0 or -ENOMEM. */
int gr_domain_set_text(char **text, const char *value);

/** gr_domain_walk - hand all elements to their readers. Return: as gr_domain_parse(). */
int gr_domain_walk(struct gr_domain *domain, const char *text, size_t len, struct gr_error *err);

/** gr_domain_set_kind - everything about a need that follows from whether it is huge pages. */
void gr_domain_set_kind(const struct gr_domain *domain, size_t need);

/** gr_domain_make_needs - from what was read to request. Return: 0 or -ENOMEM. */
int gr_domain_make_needs(struct gr_domain *domain);

/* Problems of the parts, before there are needs, and of the needs. Return: 0 or -ENOMEM. */
int gr_domain_check_backing(struct gr_domain *domain);
int gr_domain_check_cells(struct gr_domain *domain);
int gr_domain_check_devices(struct gr_domain *domain);
int gr_domain_check_needs(struct gr_domain *domain);

/** gr_domain_need_name - "guest RAM", "cell 1", "memory device 2" for messages. */
const char *gr_domain_need_name(const struct gr_domain *domain, size_t need, char buf[32]);

/** gr_domain_is_data - is it a file's content rather than RAM (NVDIMM, virtio-pmem)? */
bool gr_domain_is_data(const struct gr_domain_device *device);

extern const char *const gr_domain_source_names[GR_SOURCE_COUNT];
extern const char *const gr_domain_access_names[GR_ACCESS_COUNT];
extern const char *const gr_domain_allocation_names[GR_ALLOCATION_COUNT];
extern const char *const gr_domain_mode_names[GR_MODE_COUNT];
extern const char *const gr_domain_security_names[GR_SECURITY_COUNT];
extern const char *const gr_domain_model_names[GR_MODEL_COUNT];

#endif
