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
                    throw wrong(name, "not supported value \(GoQuoted.quote(value.lowercased()))")
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
                switch value.lowercased() {
                case "1", "t", "true": excludesAlerts = true
                case "", "0", "f", "false": break
                default:
                    throw wrong(
                        name,
                        "error converting exclude_alerts: strconv.ParseBool: parsing "
                            + "\(GoQuoted.quote(value.lowercased())): invalid syntax")
                }
            case "group_limit" where !value.isEmpty:
                guard let limit = Int(value) else {
                    throw wrong(
                        name,
                        "group_limit needs to be a valid number: strconv.ParseInt: parsing "
                            + "\(GoQuoted.quote(value)): invalid syntax")
                }
                guard limit > 0 else { throw wrong(name, "group_limit needs to be greater than 0") }
                groupLimit = limit
            case "group_next_token" where !value.isEmpty: nextToken = value
            default: break
            }
        }
        if nextToken != nil, groupLimit == nil {
            throw wrong("group_next_token", "group_limit needs to be present in order to paginate over the groups")
        }
    }
}
