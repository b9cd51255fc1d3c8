/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much RAM a VMM's command line asks for, to tell its mappings by size. Pure.
 */
#ifndef GR_VERIFY_WANTED_H
#define GR_VERIFY_WANTED_H

#include <stddef.h>
#include <stdint.h>

/**
 * gr_wanted_sizes - sizes of the mappings that hold RAM, in bytes
 * @vmm: as gr_vmm_name() has it, or NULL
 * @argv: NULL-terminated; may be empty
 *
 * None where the command line says nothing that we understand. Return: 0 or -ENOMEM. Free *@ret.
 */
int gr_wanted_sizes(const char *vmm, char *const *argv, uint64_t **ret, size_t *ret_count);

#endif
