"""A small language for Grafana dashboards: panels flow into rows of 24 columns, and every one has a unit, a
description and a data source variable, as Grafana's dashboard linter asks."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
LOKI = {"type": "loki", "uid": "${loki}"}
COLUMNS = 24


def select(name, *matchers):
    """A series selector bound to the dashboard's job and instance."""
    return name + "{" + ", ".join(('job=~"$job"', 'instance=~"$instance"') + matchers) + "}"


def rate(name, *matchers):
    return "rate(" + select(name, *matchers) + "[$__rate_interval])"


def total(expression, *by):
    return "sum by (" + ", ".join(by) + ") (" + expression + ")" if by else "sum(" + expression + ")"


def quantile(q, histogram, *by):
    return "histogram_quantile(%s, %s)" % (q, total(rate(histogram + "_bucket"), "le", *by))


def _panel(kind, title, description, targets, unit, width, height, defaults, options, source=DATASOURCE):
    fields = {"unit": unit, "mappings": [], "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": None}]}}
    fields.update(defaults)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": source,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": fields, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": source,
                "editorMode": "code",
                "expr": expression,
                "legendFormat": legend,
                "range": kind == "timeseries",
                "instant": kind != "timeseries",
            }
            for index, (expression, legend) in enumerate(targets)
        ],
    }


def graph(title, description, *targets, unit="short", width=8, height=8, stacked=False, log=False, low=0):
    """Lines over time, from `low` up where it is given; a target is (expression, legend)."""
    custom = {
        "drawStyle": "line",
        "fillOpacity": 20 if stacked else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {"custom": custom} if low is None else {"custom": custom, "min": low}
    return _panel("timeseries", title, description, targets, unit, width, height, defaults, options)


def stat(title, description, *targets, unit="short", width=4, height=4, bad_above=None, bad_below=None):
    """One number each; red above or below the given value."""
    if bad_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": bad_below}]
    else:
        steps = [{"color": "green", "value": None}]
        if bad_above is not None:
            steps.append({"color": "red", "value": bad_above})
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    defaults = {"thresholds": {"mode": "absolute", "steps": steps}}
    return _panel("stat", title, description, targets, unit, width, height, defaults, options)


def ranking(title, description, *targets, unit="short", width=12, height=8):
    """Bars, one for each series of a query that is put to Loki."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": False,
        "valueMode": "color",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel("bargauge", title, description, targets, unit, width, height, {}, options, source=LOKI)


def row(title, *panels):
    return (title, panels)


def loki():
    """The choice of a Loki, for dashboards with a `ranking`."""
    return {
        "name": "loki", "label": "Loki", "type": "datasource", "query": "loki",
        "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1, "regex": "",
    }


def variable(name, label, query, every=".+"):
    """A choice of label values; `every` is what all of them match."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": every,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "options": [],
        "regex": "",
    }


def dashboard(uid, title, description, identity, *rows, tags=("tocsin",), refresh="30s", since="now-3h",
              variables=()):
    """A dashboard for the instances that have the series `identity`."""
    panels, y, number = [], 0, 1
    for heading, members in rows:
        panels.append({
            "id": number, "type": "row", "title": heading, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        })
        number, y, x, tallest = number + 1, y + 1, 0, 0
        for panel in members:
            position = panel["gridPos"]
            if x + position["w"] > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            panels.append({"id": number, **panel, "gridPos": {"x": x, "y": y, **position}})
            number, x, tallest = number + 1, x + position["w"], max(tallest, position["h"])
        y += tallest
    source = {
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1, "regex": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": list(tags),
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": refresh,
        "time": {"from": since, "to": "now"},
        "annotations": {"list": []},
        "links": [],
        "templating": {
            "list": [
                source,
                variable("job", "Job", "label_values(%s, job)" % identity),
                variable("instance", "Instance", 'label_values(%s{job=~"$job"}, instance)' % identity),
                *variables,
            ]
        },
        "panels": panels,
    }
