extension FunctionSignature {
    /// The function of that name; names are told apart by the case of their letters.
    package static func named(_ name: String) -> FunctionSignature? { table[name] }

    private static let table = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// Every function of Prometheus 3.
    package static let all: [FunctionSignature] = plain + overTime + times + histograms + labels + others

    private static let plain: [FunctionSignature] = [
        "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor", "ln",
        "log10", "log2", "rad", "sgn", "sin", "sinh", "sqrt", "tan", "tanh", "absent", "sort", "sort_desc", "timestamp",
    ].map { FunctionSignature($0, [.vector]) }

    private static let overTime: [FunctionSignature] =
        [
            "absent_over_time", "avg_over_time", "changes", "count_over_time", "delta", "deriv", "first_over_time",
            "idelta", "increase", "irate", "last_over_time", "max_over_time", "min_over_time", "present_over_time",
            "rate", "resets", "stddev_over_time", "stdvar_over_time", "sum_over_time",
        ].map { FunctionSignature($0, [.matrix]) }
        + [
            "mad_over_time", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time",
            "ts_of_min_over_time",
        ].map { FunctionSignature($0, [.matrix], isExperimental: true) }
        + [
            FunctionSignature("predict_linear", [.matrix, .scalar]),
            FunctionSignature("quantile_over_time", [.scalar, .matrix]),
            FunctionSignature(
                "double_exponential_smoothing", [.matrix, .scalar, .scalar], isExperimental: true),
        ]

    private static let times: [FunctionSignature] =
        ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
        .map { FunctionSignature($0, [.vector], variadic: 1) }
        + ["start", "end", "step", "range"].map { FunctionSignature($0, [], .scalar, isExperimental: true) }
        + [
            FunctionSignature("time", [], .scalar),
            FunctionSignature("start_timestamp", [.vector], isExperimental: true),
        ]

    private static let histograms: [FunctionSignature] =
        ["histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev", "histogram_stdvar"]
        .map { FunctionSignature($0, [.vector]) }
        + [
            FunctionSignature("histogram_fraction", [.scalar, .scalar, .vector]),
            FunctionSignature("histogram_quantile", [.scalar, .vector]),
            FunctionSignature(
                "histogram_quantiles", [.vector, .string, .scalar, .scalar], variadic: 9, isExperimental: true),
        ]

    private static let labels: [FunctionSignature] = [
        FunctionSignature("label_replace", [.vector, .string, .string, .string, .string]),
        FunctionSignature("label_join", [.vector, .string, .string, .string], variadic: -1),
        FunctionSignature("sort_by_label", [.vector, .string], variadic: -1, isExperimental: true),
        FunctionSignature("sort_by_label_desc", [.vector, .string], variadic: -1, isExperimental: true),
        FunctionSignature("info", [.vector, .vector], variadic: 1, isExperimental: true),
    ]

    private static let others: [FunctionSignature] = [
        FunctionSignature("clamp", [.vector, .scalar, .scalar]),
        FunctionSignature("clamp_max", [.vector, .scalar]),
        FunctionSignature("clamp_min", [.vector, .scalar]),
        FunctionSignature("round", [.vector, .scalar], variadic: 1),
        FunctionSignature("scalar", [.vector], .scalar),
        FunctionSignature("vector", [.scalar]),
        FunctionSignature("pi", [], .scalar),
        FunctionSignature("max_of", [.scalar, .scalar], .scalar, isExperimental: true),
        FunctionSignature("min_of", [.scalar, .scalar], .scalar, isExperimental: true),
    ]
}
