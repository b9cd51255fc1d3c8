// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The walk over a domain's XML. A table says which elements are read and by whom; everything else
 * is passed over. expat never sees an entity or a DTD: the first <!DOCTYPE ends the reading, so
 * nothing expands and nothing is fetched. Size, depth and number of elements are bounded, and the
 * whole text is there at once, so time and memory are linear in it.
 */
#include <expat.h>
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml_private.h"

#define LEAF_TEXT_MAX 4096 /* no value that we read is longer */
#define SEPARATOR '\n'	   /* between a name space and a name; neither can hold it */
#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0\n"

enum row {
	ROOT,
	STATUS,
	DOMAIN,
	BACKING,
	HUGEPAGES,
	CPU,
	NUMA,
	TUNE,
	MEMTUNE,
	OS,
	DEVICES,
	DEVICE,
	DEVICE_SOURCE,
	DEVICE_TARGET,
	DEVICE_LABEL,
	FILESYSTEM,
	VIDEO,
	METADATA,
	QEMU_ARGS,
	LEAF, /* all rows whose children do not matter */
};

static gr_element_reader on_policy;

static const struct {
	enum row parent;
	enum row self;
	const char *name;
	gr_element_reader *start;
	gr_element_reader *end;
} rows[] = {
	{ ROOT, STATUS, "domstatus", NULL, NULL },
	{ ROOT, DOMAIN, "domain", gr_domain_on_domain, NULL },
	{ STATUS, DOMAIN, "domain", gr_domain_on_domain, NULL },
	{ DOMAIN, LEAF, "name", NULL, gr_domain_on_name },
	{ DOMAIN, LEAF, "uuid", NULL, gr_domain_on_uuid },
	{ DOMAIN, LEAF, "memory", NULL, gr_domain_on_memory },
	{ DOMAIN, LEAF, "currentMemory", NULL, gr_domain_on_current },
	{ DOMAIN, LEAF, "maxMemory", gr_domain_on_max, gr_domain_on_max_text },
	{ DOMAIN, LEAF, "vcpu", gr_domain_on_vcpu, gr_domain_on_vcpu_text },
	{ DOMAIN, BACKING, "memoryBacking", NULL, NULL },
	{ BACKING, HUGEPAGES, "hugepages", gr_domain_on_hugepages, NULL },
	{ HUGEPAGES, LEAF, "page", gr_domain_on_page, NULL },
	{ BACKING, LEAF, "nosharepages", gr_domain_on_nosharepages, NULL },
	{ BACKING, LEAF, "locked", gr_domain_on_locked, NULL },
	{ BACKING, LEAF, "source", gr_domain_on_source, NULL },
	{ BACKING, LEAF, "access", gr_domain_on_access, NULL },
	{ BACKING, LEAF, "allocation", gr_domain_on_allocation, NULL },
	{ BACKING, LEAF, "discard", gr_domain_on_discard, NULL },
	{ DOMAIN, CPU, "cpu", NULL, NULL },
	{ CPU, NUMA, "numa", NULL, NULL },
	{ NUMA, LEAF, "cell", gr_domain_on_cell, NULL },
	{ DOMAIN, TUNE, "numatune", NULL, NULL },
	{ TUNE, LEAF, "memory", gr_domain_on_tune, NULL },
	{ TUNE, LEAF, "memnode", gr_domain_on_memnode, NULL },
	{ DOMAIN, MEMTUNE, "memtune", NULL, NULL },
	{ MEMTUNE, LEAF, "hard_limit", NULL, gr_domain_on_limit },
	{ MEMTUNE, LEAF, "soft_limit", NULL, gr_domain_on_limit },
	{ MEMTUNE, LEAF, "swap_hard_limit", NULL, gr_domain_on_limit },
	{ MEMTUNE, LEAF, "min_guarantee", NULL, gr_domain_on_limit },
	{ DOMAIN, OS, "os", NULL, NULL },
	{ OS, LEAF, "type", gr_domain_on_os_type, NULL },
	{ DOMAIN, LEAF, "launchSecurity", gr_domain_on_security, NULL },
	{ DOMAIN, DEVICES, "devices", NULL, NULL },
	{ DEVICES, DEVICE, "memory", gr_domain_on_device, NULL },
	{ DEVICE, DEVICE_SOURCE, "source", NULL, NULL },
	{ DEVICE_SOURCE, LEAF, "path", NULL, gr_domain_on_device_path },
	{ DEVICE_SOURCE, LEAF, "pagesize", NULL, gr_domain_on_device_size },
	{ DEVICE_SOURCE, LEAF, "alignsize", NULL, gr_domain_on_device_size },
	{ DEVICE_SOURCE, LEAF, "nodemask", NULL, gr_domain_on_device_nodemask },
	{ DEVICE_SOURCE, LEAF, "pmem", gr_domain_on_device_flag, NULL },
	{ DEVICE, DEVICE_TARGET, "target", NULL, NULL },
	{ DEVICE_TARGET, LEAF, "size", NULL, gr_domain_on_device_size },
	{ DEVICE_TARGET, LEAF, "node", NULL, gr_domain_on_device_node },
	{ DEVICE_TARGET, LEAF, "block", NULL, gr_domain_on_device_size },
	{ DEVICE_TARGET, LEAF, "requested", NULL, gr_domain_on_device_size },
	{ DEVICE_TARGET, LEAF, "current", NULL, gr_domain_on_device_size },
	{ DEVICE_TARGET, LEAF, "readonly", gr_domain_on_device_flag, NULL },
	{ DEVICE_TARGET, DEVICE_LABEL, "label", NULL, NULL },
	{ DEVICE_LABEL, LEAF, "size", NULL, gr_domain_on_label },
	{ DEVICES, LEAF, "hostdev", gr_domain_on_hostdev, NULL },
	{ DEVICES, FILESYSTEM, "filesystem", NULL, NULL },
	{ FILESYSTEM, LEAF, "driver", gr_domain_on_fs_driver, NULL },
	{ DEVICES, LEAF, "interface", gr_domain_on_interface, NULL },
	{ DEVICES, LEAF, "disk", gr_domain_on_disk, NULL },
	{ DEVICES, LEAF, "memballoon", gr_domain_on_balloon, NULL },
	{ DEVICES, VIDEO, "video", NULL, NULL },
	{ VIDEO, LEAF, "driver", gr_domain_on_video_driver, NULL },
	{ DOMAIN, METADATA, "metadata", NULL, NULL },
	{ DOMAIN, QEMU_ARGS, QEMU_SPACE "commandline", NULL, NULL },
	{ QEMU_ARGS, LEAF, QEMU_SPACE "arg", gr_domain_on_qemu_arg, NULL },
};

struct walk {
	XML_Parser parser;
	struct gr_domain *domain;
	struct gr_error *err;
	int r; /* first failure */
	size_t elements;
	size_t depth;	    /* of the element that we are in */
	size_t known_depth; /* of the innermost element that a row knows */
	struct {
		enum row row;
		gr_element_reader *end;
		unsigned long line;
	} stack[GR_DOMAIN_DEPTH_MAX + 1]; /* [known_depth] */
	char text[LEAF_TEXT_MAX];
	size_t text_len;
	char unit[32];
	bool had_domain;
};

static void stop(struct walk *walk, int r, const char *why)
{
	if (walk->r < 0)
		return;
	walk->r = r == -ENOMEM ? gr_error_nomem(walk->err) :
				 gr_error_set(walk->err, GR_CLASS_USAGE, -r, "line %lu: %s",
					      XML_GetCurrentLineNumber(walk->parser), why);
	XML_StopParser(walk->parser, XML_FALSE);
}

const char *gr_element_attr(const struct gr_element *element, const char *name)
{
	for (const char **attr = element->attrs; attr && *attr; attr += 2)
		if (strcmp(attr[0], name) == 0)
			return attr[1];
	return NULL;
}

/* Our own element: every attribute without a name space is a key. */
static int on_policy(const struct gr_element *element)
{
	struct gr_domain *domain = element->domain;

	if (domain->seen & 1u << GR_ONCE_POLICY)
		return gr_domain_problem(domain, "GR463", GR_DOMAIN_WARNING, element->line,
					 "a second element of " GR_DOMAIN_NAMESPACE
					 ": the first one counts");
	domain->seen |= 1u << GR_ONCE_POLICY;
	for (const char **attr = element->attrs; attr && *attr; attr += 2) {
		struct gr_domain_policy *policy;
		int r;

		if (strchr(attr[0], SEPARATOR))
			continue;
		r = gr_domain_full(element, domain->policy_count);
		if (r != 0)
			return r < 0 ? r : 0;
		if (gr_grow(&domain->policies, domain->policy_count, sizeof(*policy)) < 0)
			return -ENOMEM;
		policy = &domain->policies[domain->policy_count++];
		policy->line = element->line;
		if (gr_domain_set_text(&policy->key, attr[0]) < 0 ||
		    gr_domain_set_text(&policy->value, attr[1]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Index in rows[], or -1. */
static int find_row(enum row parent, const char *name)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++)
		if (rows[i].parent == parent && strcmp(rows[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attrs)
{
	struct walk *walk = data;
	struct gr_element element = {
		.domain = walk->domain,
		.name = name,
		.attrs = (const char **)attrs,
		.line = XML_GetCurrentLineNumber(walk->parser),
	};
	gr_element_reader *start = NULL, *end = NULL;
	enum row parent = walk->stack[walk->known_depth].row, self;
	const char *unit;
	int i;

	if (++walk->elements > GR_DOMAIN_ELEMENTS_MAX)
		return stop(walk, -E2BIG, "more elements than any domain has");
	if (++walk->depth > GR_DOMAIN_DEPTH_MAX)
		return stop(walk, -E2BIG, "elements are nested too deep for a domain");
	if (walk->depth != walk->known_depth + 1)
		return; /* inside something that nobody reads */
	if (parent == METADATA &&
	    !strncmp(name, GR_DOMAIN_NAMESPACE "\n", sizeof(GR_DOMAIN_NAMESPACE "\n") - 1)) {
		self = LEAF;
		start = on_policy;
	} else {
		i = find_row(parent, name);
		if (i < 0 || (rows[i].self == DOMAIN && walk->had_domain))
			return;
		self = rows[i].self;
		start = rows[i].start;
		end = rows[i].end;
	}
	walk->known_depth++;
	walk->stack[walk->known_depth].row = self;
	walk->stack[walk->known_depth].end = end;
	walk->stack[walk->known_depth].line = element.line;
	walk->text_len = 0;
	unit = gr_element_attr(&element, "unit");
	snprintf(walk->unit, sizeof(walk->unit), "%s", unit ? unit : "");
	walk->had_domain |= self == DOMAIN;
	if (start && start(&element) < 0)
		stop(walk, -ENOMEM, "");
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
	struct walk *walk = data;
	size_t room = sizeof(walk->text) - 1 - walk->text_len;

	if (walk->depth != walk->known_depth || !walk->stack[walk->known_depth].end)
		return;
	if ((size_t)len > room)
		return stop(walk, -E2BIG, "a value that is longer than any that is valid");
	memcpy(walk->text + walk->text_len, text, (size_t)len);
	walk->text_len += (size_t)len;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
	struct walk *walk = data;
	struct gr_element element = {
		.domain = walk->domain,
		.name = name,
		.text = walk->text,
		.unit = walk->unit,
		.line = walk->stack[walk->known_depth].line,
	};

	if (walk->depth-- != walk->known_depth)
		return;
	walk->text[walk->text_len] = '\0';
	if (walk->stack[walk->known_depth].end && walk->stack[walk->known_depth].end(&element) < 0)
		stop(walk, -ENOMEM, "");
	walk->known_depth--;
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
			       const XML_Char *public_id, int has_subset)
{
	stop(data, -EINVAL, "a document type declaration (DTD): no domain has one");
}

int gr_domain_walk(struct gr_domain *domain, const char *text, size_t len, struct gr_error *err)
{
	_cleanup_free_ struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return gr_error_nomem(err);
	walk->domain = domain;
	walk->err = err;
	walk->parser = XML_ParserCreateNS(NULL, SEPARATOR);
	if (!walk->parser)
		return gr_error_nomem(walk->err);
	XML_SetUserData(walk->parser, walk);
	XML_SetElementHandler(walk->parser, on_start, on_end);
	XML_SetCharacterDataHandler(walk->parser, on_text);
	XML_SetStartDoctypeDeclHandler(walk->parser, on_doctype);
	if (XML_Parse(walk->parser, text, (int)len, 1) == XML_STATUS_ERROR && walk->r == 0) {
		enum XML_Error code = XML_GetErrorCode(walk->parser);

		if (code == XML_ERROR_NO_MEMORY)
			walk->r = gr_error_nomem(walk->err);
		else
			walk->r = gr_error_set(
				walk->err, GR_CLASS_USAGE, EINVAL, "line %lu: not XML: %s",
				XML_GetCurrentLineNumber(walk->parser), XML_ErrorString(code));
	}
	if (walk->r == 0 && !walk->had_domain)
		walk->r = gr_error_set(walk->err, GR_CLASS_USAGE, EINVAL,
				       "XML, but no <domain> in it");
	XML_ParserFree(walk->parser);
	return walk->r;
}
