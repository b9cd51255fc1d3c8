# SPDX-License-Identifier: LGPL-2.1-or-later
# The seven things to do with this tree. Each first installs what it needs and no more (tools/setup);
# meson does the rest.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: build demo check soak lab install bench
build:
	@tools/setup build
	@test -f $(BUILD)/build.ninja || meson setup --prefix $(PREFIX) $(BUILD) >/dev/null 2>&1 || meson setup --prefix $(PREFIX) $(BUILD)
	@ninja -C $(BUILD) --quiet >/dev/null || ninja -C $(BUILD)

demo:
	@tools/setup demo
	@$(MAKE) --no-print-directory build
	@GUESTRAM=$(BUILD)/guestram tools/demo

check:
	@tools/setup check
	@tools/check

soak:
	@tools/setup check
	@$(MAKE) --no-print-directory build
	@meson configure $(BUILD) -Dtests=true
	@ninja -C $(BUILD) --quiet >/dev/null || ninja -C $(BUILD)
	@GUESTRAM=$(CURDIR)/$(BUILD)/guestram tests/soak

# LAB_STATES, LAB_KERNELS, LAB_NODES, LAB_SIZES and LAB_CONTENDERS choose a part of it.
lab:
	@tools/setup lab
	@$(MAKE) --no-print-directory build
	@GUESTRAM=$(CURDIR)/$(BUILD)/guestram bench/lab/lab.py

install:
	@tools/setup install
	@$(MAKE) --no-print-directory build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) --quiet >/dev/null || ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild

bench:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@GUESTRAM=$(BUILD)/guestram tools/bench
