"""A Modbus board made of pymodbus, for the tests beside it.

peer.py tcp PORT | peer.py rtu PATH

Unit 1 has 16 coils and 16 discrete inputs, of which the first is on. Every write is printed ("coil 0 True");
a line on standard input ("input 1 1") sets an input.
"""
import sys
import threading

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.server import StartSerialServer, StartTcpServer


class Coils(ModbusSequentialDataBlock):
    def setValues(self, address, values):
        super().setValues(address, values)
        for i, value in enumerate(values):
            print("coil", address + i, bool(value), flush=True)


inputs = ModbusSequentialDataBlock(0, [True] + [False] * 15)
board = ModbusSlaveContext(di=inputs, co=Coils(0, [False] * 16), zero_mode=True)
context = ModbusServerContext(slaves={1: board}, single=False)


def listen():
    for line in sys.stdin:
        _, number, value = line.split()
        inputs.setValues(int(number), [value == "1"])
        print("input", number, value, flush=True)


threading.Thread(target=listen, daemon=True).start()
if sys.argv[1] == "tcp":
    StartTcpServer(context=context, address=("127.0.0.1", int(sys.argv[2])), allow_reuse_address=True)
else:
    StartSerialServer(context=context, framer=ModbusRtuFramer, port=sys.argv[2], baudrate=9600, timeout=0.05)
