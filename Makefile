# Tocsin: `make run` shows a working agent, `make test` passes everything.
BUILD   ?= .build
DEBUG   := $(BUILD)/debug
RELEASE := $(BUILD)/release

.PHONY: build
build:
	swift build -c release --static-swift-stdlib --scratch-path $(RELEASE)

.PHONY: dashboards
dashboards:
	python3 dashboards/generate.py
