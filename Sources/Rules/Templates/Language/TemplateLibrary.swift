/// What the files of templates define, by name, for other templates to call.
package struct TemplateLibrary: Sendable {
    private var definitions: [String: (body: [TemplateNode], source: TemplateSource)] = [:]

    package init() {}

    /// Adds what a file defines. A later definition of a name takes the place of an earlier one, unless it is blank.
    package mutating func add(_ source: TemplateSource) {
        for (name, body) in source.parsed.definitions {
            if definitions[name] != nil, TemplateParser.isBlank(body) { continue }
            definitions[name] = (body, source)
        }
    }

    package var names: Set<String> { Set(definitions.keys) }

    func definition(of name: String) -> (body: [TemplateNode], source: TemplateSource)? { definitions[name] }
}

/// Makes values safe for where they stand among a template's own text.
package protocol TemplateEscaper: Sendable {
    /// Takes note of text of the template, and says what of it is written.
    mutating func pass(_ text: String) -> String
    /// What is written for a value; `function` is the last that its pipeline called.
    mutating func escape(_ value: TemplateValue, after function: String?) -> String
}

extension TemplatePipeline {
    var lastFunction: String? {
        guard case .function(let name)? = commands.last?.operands.first?.kind else { return nil }
        return name
    }
}

extension TemplateSource {
    /// The text that the template gives with `dot`. It takes bounded time and room.
    package func expand<Environment>(
        _ dot: TemplateValue, library: TemplateLibrary, functions: TemplateFunctions<Environment>,
        environment: Environment, escaper: (any TemplateEscaper)? = nil, limits: TemplateLimits = TemplateLimits()
    ) throws(TemplateError) -> String {
        var evaluator = TemplateEvaluator(
            self, library: library, escaper: escaper, functions: functions, environment: environment, limits: limits,
            dot: dot, variables: [])
        return try evaluator.run(dot)
    }

    /// The names of all templates that it calls and does not define, directly or in what it defines.
    package var calledTemplates: Set<String> {
        var names: Set<String> = []
        func visit(_ nodes: [TemplateNode]) {
            for node in nodes {
                switch node {
                case .template(let name, _, _): names.insert(name)
                case .branch(let branch):
                    visit(branch.body)
                    visit(branch.otherwise ?? [])
                default: break
                }
            }
        }
        visit(parsed.body)
        for body in parsed.definitions.values { visit(body) }
        return names.subtracting(parsed.definitions.keys)
    }

    package var definedTemplates: Set<String> { Set(parsed.definitions.keys) }
}
