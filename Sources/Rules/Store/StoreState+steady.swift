import Bytes

/// The two things that nearly all samples do: their series goes on in its chunk, at the next place of the column it shares.
extension StoreState {
    /// Whether the next sample of a series only goes on with its chunk.
    @inline(__always)
    private static func goesOn(_ state: SeriesState, _ run: SampleRun) -> Bool {
        run.clock != SeriesState.none && state.chunk.header.column == run.clock && !state.chunk.isEmpty
            && state.isValueLogged && !state.chunk.isFull
            && state.lastValue.bitPattern == state.chunk.model.previous.bitPattern
    }

    /// Takes the sample where it is what its series had the last time.
    @inline(__always)
    static func takeRepeated(_ state: inout SeriesState, _ run: SampleRun, _ value: Double) -> Bool {
        guard goesOn(state, run), state.chunk.isRepeated(value, tick: run.tick) else { return false }
        state.chunk.repeated(run.time, tick: run.tick)
        state.lastTime = run.time
        state.wasThereBefore = true
        return true
    }

    /// Takes the sample where its series had another value the last time; nil, with nothing done, where there is more to it.
    @inline(__always)
    static func takeChanged(
        _ state: inout SeriesState, _ run: SampleRun, _ value: Double, _ arena: inout CellArena
    ) -> ValueModel.Change? {
        guard goesOn(state, run), state.chunk.isNext(run.tick), value.bitPattern != state.lastValue.bitPattern,
            !isStaleMarker(value)
        else { return nil }
        let change = state.chunk.changed(run.time, value, tick: run.tick, &arena)
        state.lastTime = run.time
        state.lastValue = value
        state.wasThereBefore = true
        return change
    }
}
