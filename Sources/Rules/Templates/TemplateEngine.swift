import Telemetry

/// What the text of an annotation or label is made from.
package struct TemplateData: Sendable {
    /// The labels of the query's result, `__name__` included where it has one.
    package var labels: LabelSet
    package var value: Double
    package var externalLabels: LabelSet
    package var externalURL: String
    /// What the expression is worth without its last comparison, once an alert is over.
    package var resolvedValue: Double?

    package init(
        labels: LabelSet, value: Double, externalLabels: LabelSet = LabelSet(), externalURL: String = "",
        resolvedValue: Double? = nil
    ) {
        self.labels = labels
        self.value = value
        self.externalLabels = externalLabels
        self.externalURL = externalURL
        self.resolvedValue = resolvedValue
    }
}

/// What a template may ask for while it is expanded.
package struct TemplateEnvironment {
    /// The time of the evaluation, milliseconds since 1970.
    package var now: Int64
    /// What `externalURL` and `pathPrefix` say.
    package var externalURL: String
    package var pathPrefix: String
    /// Evaluates PromQL at `now`; a scalar as one sample without labels.
    package var query: (String) throws(QueryError) -> [VectorSample]

    package init(
        now: Int64, externalURL: String = "", pathPrefix: String = "",
        query: @escaping (String) throws(QueryError) -> [VectorSample]
    ) {
        self.now = now
        self.externalURL = externalURL
        self.pathPrefix = pathPrefix
        self.query = query
    }
}

/// The text of a label or annotation of an alerting rule: Go's `text/template` with Prometheus's functions and variables
/// (`rules/alerting.go`, `template/template.go`), and `$resolvedValue`.
///
/// Parsed once, expanded often. It cannot reach anything but its data, its own functions and PromQL, and takes bounded
/// time and room (`TemplateLimits`).
package struct TemplateEngine: Sendable {
    package let text: String
    package let name: String
    /// nil where the text has no actions: it is the result.
    private let source: TemplateSource?

    /// What Prometheus declares before every template, and with it before its columns.
    private static let prologue =
        "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
    private static let variables = ["$labels", "$externalLabels", "$externalURL", "$value", "$resolvedValue"]

    /// - Parameter name: what messages call it; Prometheus takes `__alert_NAME`.
    package init(_ text: String, name: String) throws(TemplateError) {
        self.text = text
        self.name = name
        guard text.contains("{{") else {
            source = nil
            return
        }
        source = try TemplateSource(
            text, name: name, functions: Self.functionNames, variables: Self.variables, shift: Self.prologue.utf8.count)
    }

    private static let functionNames = AlertFunctions.all.names

    package func expand(
        _ data: TemplateData, environment: TemplateEnvironment, limits: TemplateLimits = TemplateLimits()
    ) throws(TemplateError) -> String {
        guard let source else { return text }
        let labels = AlertFunctions.labels(data.labels)
        let externalLabels = AlertFunctions.labels(data.externalLabels)
        let (url, value) = (TemplateValue.string(data.externalURL), TemplateValue.float(data.value))
        let dot = TemplateValue.structure(
            TemplateStructure(
                typeName: "struct { Labels map[string]string; ExternalLabels map[string]string; "
                    + "ExternalURL string; Value float64 }",
                [("Labels", labels), ("ExternalLabels", externalLabels), ("ExternalURL", url), ("Value", value)]))
        var evaluator = TemplateEvaluator(
            source, functions: AlertFunctions.all, environment: environment, limits: limits, dot: dot,
            variables: [
                ("$labels", labels), ("$externalLabels", externalLabels), ("$externalURL", url), ("$value", value),
                ("$resolvedValue", data.resolvedValue.map { .float($0) } ?? .missing),
            ])
        return try evaluator.run(dot)
    }
}
