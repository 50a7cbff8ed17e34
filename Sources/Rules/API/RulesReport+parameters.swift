import Telemetry

extension RulesReport.Selection {
    /// What the parameters of `/api/v1/rules` ask for, with Prometheus's words for what is wrong.
    package init(_ parameters: [(name: String, value: String)]) throws(RulesReport.SelectionError) {
        self.init()
        func wrong(_ name: String, _ reason: String) -> RulesReport.SelectionError {
            RulesReport.SelectionError(description: "invalid parameter \"\(name)\": \(reason)")
        }
        for (name, value) in parameters {
            switch name {
            case "type":
                guard let kind = Kind(rawValue: value.lowercased()) else {
                    if value.isEmpty { continue }
                    throw wrong(name, "not supported value \(GoQuoted.quote(value))")
                }
                self.kind = kind
            case "rule_name[]": ruleNames.insert(value)
            case "rule_group[]": groupNames.insert(value)
            case "file[]": files.insert(value)
            case "match[]":
                do throws(QueryError) {
                    matchers.append(try LabelMatcher.parseSelector(value))
                } catch {
                    throw wrong(name, "\(error)")
                }
            case "exclude_alerts":
                switch value {
                case "1", "t", "T", "true", "TRUE", "True": excludesAlerts = true
                case "", "0", "f", "F", "false", "FALSE", "False": break
                default:
                    throw wrong(
                        name,
                        "error converting exclude_alerts: strconv.ParseBool: parsing "
                            + "\(GoQuoted.quote(value)): invalid syntax")
                }
            case "group_limit":
                guard let limit = Int(value), limit > 0 else {
                    throw wrong(name, "group_limit needs to be a valid number and larger than 0")
                }
                groupLimit = limit
            case "group_next_token" where !value.isEmpty: nextToken = value
            default: break
            }
        }
        if nextToken != nil, groupLimit == nil {
            throw wrong("group_limit", "group_limit needs to be specified in order to paginate over the groups")
        }
    }
}
