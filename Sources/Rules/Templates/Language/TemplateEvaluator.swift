import Telemetry

/// Walks a template's nodes and writes the text, as `text/template/exec.go` does it, with its messages.
///
/// One expansion each.
struct TemplateEvaluator<Environment> {
    /// What a message calls the part that went wrong.
    enum Place {
        case nowhere
        case pipeline(TemplatePipeline)
        case command(TemplateCommand)
        case operand(TemplateOperand)
        case template(name: String, TemplatePipeline?, offset: Int)
    }

    enum Flow { case onward, breakLoop, continueLoop }

    /// Where the expansion began.
    let root: TemplateSource
    /// What the root may call besides what it defines itself.
    let library: TemplateLibrary
    /// Where what is being walked was written.
    private(set) var source: TemplateSource
    /// Makes values safe for where they stand; nil where they are written as they are.
    private var escaper: (any TemplateEscaper)?
    let functions: TemplateFunctions<Environment>
    let environment: Environment
    let limits: TemplateLimits
    private(set) var output: [UInt8] = []
    /// The template that is being executed, this one or one that it defines.
    private var executing: String
    var variables: [(name: String, value: TemplateValue)]
    var place = Place.nowhere
    private var templateDepth = 0
    private var nesting = 0
    private var steps = 0

    init(
        _ source: TemplateSource, library: TemplateLibrary = TemplateLibrary(),
        escaper: (any TemplateEscaper)? = nil, functions: TemplateFunctions<Environment>, environment: Environment,
        limits: TemplateLimits, dot: TemplateValue, variables: [(name: String, value: TemplateValue)]
    ) {
        self.root = source
        self.library = library
        self.source = source
        self.escaper = escaper
        self.functions = functions
        self.environment = environment
        self.limits = limits
        self.executing = source.name
        self.variables = [("$", dot)] + variables
    }

    /// The text, from the template's own body on.
    mutating func run(_ dot: TemplateValue) throws(TemplateError) -> String {
        _ = try walk(root.parsed.body, dot)
        return String(decoding: output, as: UTF8.self)
    }

    // MARK: Errors and limits

    func problem(_ text: String) -> TemplateError {
        let (offset, context): (Int, String)
        switch place {
        case .nowhere:
            return TemplateError(.executing, template: source.name, message: "template: \(executing): \(text)")
        case .pipeline(let pipeline): (offset, context) = (pipeline.offset, pipeline.description)
        case .command(let command): (offset, context) = (command.offset, command.description)
        case .operand(let operand): (offset, context) = (operand.offset, operand.description)
        case .template(let name, let pipeline, let start):
            offset = start
            context = "{{template \(GoQuoted.quote(name))\(pipeline.map { " \($0)" } ?? "")}}"
        }
        return TemplateError(
            .executing, template: source.name,
            message: "template: \(source.location(of: offset)): executing \(GoQuoted.quote(executing)) "
                + "at <\(context)>: \(text)")
    }

    mutating func spend(_ count: Int = 1) throws(TemplateError) {
        steps += count
        if steps > limits.steps { throw problem("more than \(limits.steps) steps") }
    }

    mutating func enter(_ weight: Int = 1) throws(TemplateError) {
        nesting += weight
        if nesting > limits.nesting { throw problem("nested deeper than \(limits.nesting) levels") }
    }

    mutating func leave(_ weight: Int = 1) { nesting -= weight }

    /// Accounts for a string that a function or a print has made.
    mutating func account(for value: TemplateValue) throws(TemplateError) {
        switch value {
        case .string(let text), .namedString(let text, _): try account(bytes: text.utf8.count)
        case .list(let list): try spend(list.elements.count)
        case .map(let map): try spend(map.entries.count)
        default: break
        }
    }

    private mutating func account(bytes: Int) throws(TemplateError) {
        if bytes > limits.output { throw problem("a text of more than \(limits.output) bytes") }
        try spend(bytes >> 6)
    }

    private mutating func write(_ text: String) throws(TemplateError) {
        output.append(contentsOf: text.utf8)
        if output.count > limits.output { throw problem("more than \(limits.output) bytes of output") }
    }

    // MARK: Walking

    private mutating func walk(_ nodes: [TemplateNode], _ dot: TemplateValue) throws(TemplateError) -> Flow {
        try enter()
        defer { leave() }
        for node in nodes {
            try spend()
            switch node {
            case .text(let text): try write(escaper?.pass(text) ?? text)
            case .action(let pipeline):
                let value = try evaluate(pipeline, dot)
                guard pipeline.variables.isEmpty else { continue }
                try write(escaper?.escape(value, after: pipeline.lastFunction) ?? GoPrinter.show([value]))
            case .branch(let branch):
                let flow = try branch.kind == .range ? walkRange(branch, dot) : walkCondition(branch, dot)
                if flow != .onward { return flow }
            case .template(let name, let pipeline, let offset): try walkTemplate(name, pipeline, offset, dot)
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            }
        }
        return .onward
    }

    private mutating func walkCondition(_ branch: TemplateBranch, _ dot: TemplateValue) throws(TemplateError) -> Flow {
        let mark = variables.count
        defer { variables.removeLast(variables.count - mark) }
        let value = try evaluate(branch.pipeline, dot)
        if value.isTrue { return try walk(branch.body, branch.kind == .with ? value : dot) }
        guard let otherwise = branch.otherwise else { return .onward }
        return try walk(otherwise, dot)
    }

    private mutating func walkRange(_ branch: TemplateBranch, _ dot: TemplateValue) throws(TemplateError) -> Flow {
        let mark = variables.count
        defer { variables.removeLast(variables.count - mark) }
        let value = try evaluate(branch.pipeline, dot)
        let top = variables.count
        let names = branch.pipeline.variables
        let isAssignment = branch.pipeline.isAssignment
        var isEmpty = true

        /// One turn; false where the loop was left.
        func turn(_ key: TemplateValue, _ element: TemplateValue, _ self: inout Self) throws(TemplateError) -> Bool {
            isEmpty = false
            if names.count == 1 {
                if isAssignment { try self.assign(names[0], element) } else { self.variables[top - 1].value = element }
            } else if names.count == 2 {
                if isAssignment {
                    try self.assign(names[0], key)
                    try self.assign(names[1], element)
                } else {
                    self.variables[top - 2].value = key
                    self.variables[top - 1].value = element
                }
            }
            try self.spend()
            let flow = try self.walk(branch.body, element)
            self.variables.removeLast(self.variables.count - top)
            return flow != .breakLoop
        }

        switch value {
        case .missing, .null: break
        case .list(let list):
            for (index, element) in list.elements.enumerated() {
                guard try turn(.int(index), element, &self) else { break }
            }
        case .map(let map):
            for entry in map.entries {
                guard try turn(.string(entry.key), entry.value, &self) else { break }
            }
        case .integer(let count, .int), .integer(let count, .int64):
            var index: Int64 = 0
            while index < count, try turn(.int(Int(index)), .int(Int(index)), &self) { index += 1 }
        default: throw problem("range can't iterate over \(GoPrinter.print([value]))")
        }
        guard isEmpty, let otherwise = branch.otherwise else { return .onward }
        return try walk(otherwise, dot)
    }

    private mutating func walkTemplate(
        _ name: String, _ pipeline: TemplatePipeline?, _ offset: Int, _ dot: TemplateValue
    ) throws(TemplateError) {
        place = .template(name: name, pipeline, offset: offset)
        guard let (body, writtenIn) = definition(of: name) else {
            throw problem("template \(GoQuoted.quote(name)) not defined")
        }
        guard templateDepth < limits.templateDepth else {
            throw problem("exceeded maximum template depth (\(limits.templateDepth))")
        }
        let argument = try pipeline.map { pipeline throws(TemplateError) in try evaluate(pipeline, dot) } ?? .missing
        // A template knows no variables of its caller.
        let outer = (variables, executing, source)
        variables = [("$", argument)]
        executing = name
        source = writtenIn
        templateDepth += 1
        _ = try walk(body, argument)
        templateDepth -= 1
        (variables, executing, source) = outer
    }

    /// What the root defines comes before what the library does, wherever it is called.
    private func definition(of name: String) -> (body: [TemplateNode], source: TemplateSource)? {
        if name == root.name { return (root.parsed.body, root) }
        if let body = root.parsed.definitions[name] { return (body, root) }
        return library.definition(of: name)
    }

    // MARK: Variables

    mutating func assign(_ name: String, _ value: TemplateValue) throws(TemplateError) {
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
            throw problem("undefined variable: \(name)")
        }
        variables[index].value = value
    }

    func variable(_ name: String) throws(TemplateError) -> TemplateValue {
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
            throw problem("undefined variable: \(name)")
        }
        return variables[index].value
    }
}
