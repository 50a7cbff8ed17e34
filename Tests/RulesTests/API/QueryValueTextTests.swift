import Bytes
import Rules
import Telemetry
import Testing

@Suite("Values of queries for people")
struct QueryValueTextTests {
    private func value(_ json: String) throws -> QueryValue {
        let bytes = Array(json.utf8)
        return try #require(QueryValue(apiData: JSONValue(parsing: bytes.span.bytes)))
    }

    @Test("a vector is a table")
    func vector() throws {
        let value = try value(
            #"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1.5,"1"]},"#
                + #"{"metric":{"job":"longer"},"value":[1.5,"+Inf"]},{"metric":{},"value":[1.5,"1e-07"]}]}"#)
        #expect(
            QueryValueText.lines(value, columns: 80, bars: false) == [
                "up{job=\"a\"}         1", "{job=\"longer\"}   +Inf", "{}              1e-07",
            ])
        #expect(QueryValueText.lines(.vector([]), columns: 80, bars: true) == ["no series"])
    }

    @Test("what is no vector is printed as it is")
    func others() throws {
        #expect(
            QueryValueText.lines(try value(#"{"resultType":"scalar","result":[1,"2.5"]}"#), columns: 80, bars: true)
                == ["2.5"])
        #expect(
            QueryValueText.lines(try value(#"{"resultType":"string","result":[1,"x y"]}"#), columns: 80, bars: true)
                == ["x y"])
    }

    @Test("a range is drawn on a terminal, and listed elsewhere")
    func matrix() throws {
        let value = try value(
            #"{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[[0,"0"],[60,"7"],[120.5,"3"]]}]}"#)
        #expect(
            QueryValueText.lines(value, columns: 80, bars: false) == ["up", "  0      0", "  60     7", "  120.5  3"])
        let drawn = QueryValueText.lines(value, columns: 12, bars: true)
        #expect(drawn == ["up  min 0  max 7  last 3", "  ▁▁▁▁█████▄"])
    }

    @Test("what is no answer of the API is not read")
    func foreign() throws {
        for json in ["{}", "[]", #"{"resultType":"else","result":[]}"#, #"{"resultType":"scalar","result":[1]}"#] {
            let bytes = Array(json.utf8)
            let value = QueryValue(apiData: try JSONValue(parsing: bytes.span.bytes))
            #expect(value == nil, "\(json)")
        }
    }
}
