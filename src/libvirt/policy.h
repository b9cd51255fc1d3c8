/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a libvirt domain says to us in its <metadata>: an element of GR_DOMAIN_NAMESPACE whose
 * attributes are the keys of policy.c. Reading is pure and strict, since a limit that is spelled
 * wrong must not mean no limit. What is then to be reserved follows from the domain itself, because
 * QEMU takes what libvirt tells it and not what a policy says; where the two differ, that is an
 * error.
 */
#ifndef GR_LIBVIRT_POLICY_H
#define GR_LIBVIRT_POLICY_H

#include "guest/domain_xml.h"
#include "host/host.h"

#define GR_POLICY_NAME_MAX 128

enum gr_policy_backing {
	GR_WANT_UNSET,	 /* whatever the domain asks for: dynamic for its huge pages */
	GR_WANT_NONE,	 /* leave this domain alone */
	GR_WANT_THP,	 /* nothing to reserve */
	GR_WANT_STATIC,	 /* pages that are in the pool already */
	GR_WANT_DYNAMIC, /* reserved at the start, given back at the end */
	GR_WANT_COUNT
};

/* What may take the place of pages that are not to be had. Only editing the domain can do that:
 * the hook cannot, since libvirt has made up its mind when it is called. */
enum gr_policy_fallback {
	GR_INSTEAD_NONE,
	GR_INSTEAD_SMALLER, /* the next smaller page size of the host */
	GR_INSTEAD_THP,
	GR_INSTEAD_COUNT
};

struct gr_policy {
	bool present; /* the domain has an element of ours with at least one key */
	enum gr_policy_backing backing;
	enum gr_policy_fallback fallback;
	enum gr_goal goal;
	uint64_t page_size_bytes; /* 0: not given */
	struct gr_list nodes;	  /* empty: not given */
	bool shared;
	uint64_t timeout_ns;		/* 0: not given */
	uint64_t max_cache_lost_bytes;	/* 0: not given; UINT64_MAX: any */
	char ready[GR_POLICY_NAME_MAX + 1]; /* a lease that holds the pages already; "": none */
};

/**
 * gr_policy_read - the keys of a domain
 *
 * Return: 0 (also without any: present is false); -EINVAL or -ERANGE (class usage) with the line,
 * the key and the value that is wrong; -ENOMEM. @ret is untouched then.
 */
int gr_policy_read(const struct gr_domain *domain, struct gr_policy *ret, struct gr_error *err);
void gr_policy_done(struct gr_policy *policy);
#define _cleanup_policy_ __attribute__((cleanup(gr_policy_done)))

/**
 * gr_policy_set - one key, as an attribute has it
 *
 * Return: as gr_policy_read(); the message names the key and the value.
 */
int gr_policy_set(struct gr_policy *policy, const char *key, const char *value,
		  struct gr_error *err);

/** gr_policy_key - the keys by index, NULL behind the last. */
const char *gr_policy_key(size_t index);

/**
 * gr_policy_request - what is to be reserved before the domain starts
 * @domain: after gr_domain_page_sizes()
 * @host: its page sizes and nodes
 *
 * The needs on huge pages, one for each guest cell and memory device, with page size and host
 * nodes; none for a domain that takes none, or is left alone. Nodes of the policy are those of
 * needs that the domain binds to none.
 * Return: 0; -EINVAL (class usage) where domain and policy contradict each other, or the domain is
 * none that libvirt would start; -ENODEV (class host) for a page size or node that the host has not;
 * -ENOMEM. Free with gr_request_done().
 */
int gr_policy_request(const struct gr_domain *domain, const struct gr_policy *policy,
		      const struct gr_host *host, struct gr_request *ret, struct gr_error *err);

const char *gr_policy_backing_name(enum gr_policy_backing backing); /* "unset", "none", "thp" ... */
const char *gr_policy_fallback_name(enum gr_policy_fallback fallback);

#endif
