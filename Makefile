# SPDX-License-Identifier: LGPL-2.1-or-later
# The five things to do with this tree. Each first installs what it needs and no more (tools/setup);
# meson does the rest.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: build demo check install bench
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
