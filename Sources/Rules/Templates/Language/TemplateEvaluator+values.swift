import Telemetry

extension TemplateEvaluator {
    /// What a pipeline gives; its variables are declared, or assigned to.
    mutating func evaluate(_ pipeline: TemplatePipeline, _ dot: TemplateValue) throws(TemplateError) -> TemplateValue {
        try enter(4)
        defer { leave(4) }
        place = .pipeline(pipeline)
        var value: TemplateValue?
        for command in pipeline.commands {
            try spend()
            let result = try evaluate(command, dot, final: value)
            if case .null = result { value = .missing } else { value = result }
        }
        let result = value ?? .missing
        for name in pipeline.variables {
            if pipeline.isAssignment { try assign(name, result) } else { variables.append((name, result)) }
        }
        return result
    }

    /// - Parameter final: what the command before gave, the last argument of this one; nil for the first.
    private mutating func evaluate(
        _ command: TemplateCommand, _ dot: TemplateValue, final: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        let first = command.operands[0]
        let arguments = command.operands.dropFirst()
        switch first.kind {
        case .field, .chain: return try evaluateFields(first, dot, arguments, final)
        case .variable(let names) where names.count > 1: return try evaluateFields(first, dot, arguments, final)
        case .function(let name):
            place = .operand(first)
            return try call(function: name, dot, at: .command(command), arguments, final)
        case .pipeline(let pipeline):
            guard arguments.isEmpty, final == nil else { throw notFunction(first) }
            return try evaluate(pipeline, dot)
        default: break
        }
        place = .operand(first)
        guard arguments.isEmpty, final == nil else { throw notFunction(first) }
        switch first.kind {
        case .variable(let names): return try variable(names[0])
        case .bool(let value): return .bool(value)
        case .dot: return dot
        case .null: throw problem("nil is not a command")
        case .number(let number): return try constant(number)
        case .string(let text, _): return .string(text)
        default: throw problem("can't evaluate command \(GoQuoted.quote(first.description))")
        }
    }

    private func notFunction(_ operand: TemplateOperand) -> TemplateError {
        problem("can't give argument to non-function \(operand)")
    }

    /// A number where nothing says what type it should have.
    private func constant(_ number: TemplateNumber) throws(TemplateError) -> TemplateValue {
        if let complex = number.complex { return .complex(complex.real, complex.imaginary) }
        if number.isWrittenAsFloat, let float = number.float { return .float(float) }
        guard let integer = number.integer else { throw problem("\(number.text) overflows int") }
        return .int(Int(integer))
    }

    // MARK: Fields

    /// `.a.b`, `$x.a.b` and `(pipeline).a.b`; the last may be a method with arguments.
    private mutating func evaluateFields(
        _ operand: TemplateOperand, _ dot: TemplateValue, _ arguments: ArraySlice<TemplateOperand> = [],
        _ final: TemplateValue? = nil
    ) throws(TemplateError) -> TemplateValue {
        place = .operand(operand)
        var receiver: TemplateValue
        let names: ArraySlice<String>
        switch operand.kind {
        case .field(let all): (receiver, names) = (dot, all[...])
        case .variable(let all): (receiver, names) = (try variable(all[0]), all.dropFirst())
        case .chain(let base, let all):
            if case .null = base.kind { throw problem("indirection through explicit nil in \(operand)") }
            (receiver, names) = (try evaluate(argument: base, dot, as: .any), all[...])
        default: throw problem("can't evaluate command \(GoQuoted.quote(operand.description))")
        }
        var isOfAnyType = false
        for name in names.dropLast() {
            let next = try field(name, of: receiver, isOfAnyType: isOfAnyType, operand, dot, [], nil)
            if case .map(let map) = receiver, case .null = map.absent {
                isOfAnyType = true
            } else {
                isOfAnyType = false
            }
            receiver = next
        }
        guard let last = names.last else { return receiver }
        return try field(last, of: receiver, isOfAnyType: isOfAnyType, operand, dot, arguments, final)
    }

    private mutating func field(
        _ name: String, of receiver: TemplateValue, isOfAnyType: Bool, _ operand: TemplateOperand,
        _ dot: TemplateValue, _ arguments: ArraySlice<TemplateOperand>, _ final: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        switch receiver {
        case .missing: return .missing
        case .null: throw problem("nil pointer evaluating interface {}.\(name)")
        default: break
        }
        let type = receiver.typeName ?? "nil"
        let plain = type.hasPrefix("*") ? String(type.dropFirst()) : type
        if let method = functions.methods[plain]?[name] {
            return try call(method, receiver: receiver, dot, at: .operand(operand), arguments, final)
        }
        let hasArguments = !arguments.isEmpty || final != nil
        switch receiver {
        case .structure(let structure):
            guard let value = structure[name] else { break }
            if hasArguments { throw problem("\(name) has arguments but cannot be invoked as function") }
            return value
        case .map(let map):
            if hasArguments { throw problem("\(name) is not a method but has arguments") }
            return map[name] ?? map.absent
        default: break
        }
        throw problem("can't evaluate field \(name) in type \(isOfAnyType ? "interface {}" : type)")
    }

    // MARK: Calls

    private mutating func call(
        function name: String, _ dot: TemplateValue, at node: Place, _ arguments: ArraySlice<TemplateOperand>,
        _ final: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        guard let function = functions.byName[name] else {
            throw problem("\(GoQuoted.quote(name)) is not a defined function")
        }
        return try call(function, receiver: nil, dot, at: node, arguments, final)
    }

    private mutating func call(
        _ function: TemplateFunction<Environment>, receiver: TemplateValue?, _ dot: TemplateValue, at node: Place,
        _ arguments: ArraySlice<TemplateOperand>, _ final: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        let given = arguments.count + (final == nil ? 0 : 1)
        let wanted = function.parameters.count
        if function.variadic != nil {
            guard given >= wanted else {
                throw problem(
                    "wrong number of args for \(function.name): want at least \(wanted) got \(arguments.count)")
            }
        } else if given != wanted {
            throw problem("wrong number of args for \(function.name): want \(wanted) got \(given)")
        }
        if receiver == nil, function.name == "and" || function.name == "or" {
            return try firstDecisive(arguments, dot, final, isOr: function.name == "or")
        }
        var values: [TemplateValue] = []
        values.reserveCapacity(given + 1)
        if let receiver { values.append(receiver) }
        for (index, argument) in arguments.enumerated() {
            let parameter = index < wanted ? function.parameters[index] : function.variadic ?? .any
            values.append(try evaluate(argument: argument, dot, as: parameter))
        }
        if let final {
            let parameter = given <= wanted ? function.parameters[given - 1] : function.variadic ?? .any
            values.append(try checked(final, as: parameter))
        }
        do {
            let result = try function.body(values, environment)
            try account(for: result)
            return result
        } catch let error as TemplateFunctionError {
            place = node
            throw problem("error calling \(function.name): \(error.message)")
        } catch let error as TemplateError {
            throw error
        } catch {
            throw problem("\(error)")
        }
    }

    /// `and` and `or` stop at the first argument that decides.
    private mutating func firstDecisive(
        _ arguments: ArraySlice<TemplateOperand>, _ dot: TemplateValue, _ final: TemplateValue?, isOr: Bool
    ) throws(TemplateError) -> TemplateValue {
        var value = TemplateValue.missing
        for argument in arguments {
            value = try evaluate(argument: argument, dot, as: .any)
            if value.isTrue == isOr { return value }
        }
        return final ?? value
    }

    // MARK: Arguments

    private mutating func evaluate(
        argument operand: TemplateOperand, _ dot: TemplateValue, as parameter: TemplateFunction<Environment>.Parameter
    ) throws(TemplateError) -> TemplateValue {
        place = .operand(operand)
        let value: TemplateValue
        switch operand.kind {
        case .dot: value = dot
        case .null:
            switch parameter {
            case .any, .type: return .null
            default: throw problem("cannot assign nil to \(parameter.typeName)")
            }
        case .field, .chain: value = try evaluateFields(operand, dot)
        case .variable(let names): value = try names.count > 1 ? evaluateFields(operand, dot) : variable(names[0])
        case .pipeline(let pipeline): value = try evaluate(pipeline, dot)
        case .function(let name): value = try call(function: name, dot, at: .operand(operand), [], nil)
        case .bool, .number, .string: return try literal(operand, as: parameter)
        }
        return try checked(value, as: parameter)
    }

    /// A constant, which takes the type that is asked for where it can.
    private func literal(
        _ operand: TemplateOperand, as parameter: TemplateFunction<Environment>.Parameter
    ) throws(TemplateError) -> TemplateValue {
        switch (operand.kind, parameter) {
        case (.bool(let value), .bool), (.bool(let value), .any): return .bool(value)
        case (.number(let number), .any): return try constant(number)
        case (.number(let number), .float): if let float = number.float { return .float(float) }
        case (.number(let number), .int): if let integer = number.integer { return .int(Int(integer)) }
        case (.string(let text, _), .string), (.string(let text, _), .any): return .string(text)
        default: break
        }
        switch parameter {
        case .any, .type: throw problem("can't handle \(operand) for arg of type \(parameter.typeName)")
        case .string: throw problem("expected string; found \(operand)")
        case .float: throw problem("expected float; found \(operand)")
        case .int: throw problem("expected integer; found \(operand)")
        case .bool: throw problem("expected bool; found \(operand)")
        }
    }

    /// The value, if it has the type of the parameter.
    private func checked(
        _ value: TemplateValue, as parameter: TemplateFunction<Environment>.Parameter
    ) throws(TemplateError) -> TemplateValue {
        if case .missing = value {
            switch parameter {
            case .any, .type: return .null
            default: throw problem("invalid value; expected \(parameter.typeName)")
            }
        }
        switch (parameter, value) {
        case (.any, _), (.string, .string), (.float, .float), (.int, .integer(_, .int)), (.bool, .bool): return value
        case (.type(let name), _) where value.typeName == name || value.typeName == "*" + name: return value
        default:
            let got = value.typeName ?? "interface {}"
            throw problem("wrong type for value; expected \(parameter.typeName); got \(got)")
        }
    }
}
