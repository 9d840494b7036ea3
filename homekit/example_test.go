package homekit_test

import (
	"context"
	"fmt"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
)

// A lock that does what it is told, and a controller that locks it.
func Example() {
	const current, target = 10, 11
	lock := accessory.New(accessory.Info{Name: "Front door", SerialNumber: "F-1", Manufacturer: "loquet", Model: "Demo", Firmware: "1.0"}, accessory.TypeDoorLock)
	lock.Id, lock.Info.Id = 1, 1
	for i, c := range lock.Info.Cs {
		c.Id = uint64(i + 2)
	}
	bolt := service.NewLockMechanism()
	bolt.Id, bolt.LockCurrentState.Id, bolt.LockTargetState.Id = 9, current, target
	bolt.LockTargetState.ValidVals = []int{0, 1}
	lock.AddS(bolt.S)

	var srv *homekit.Server
	srv, err := homekit.New(homekit.Config{
		Name: "Front door", Model: "Demo", Category: accessory.TypeDoorLock, Addr: "127.0.0.1:0", Storage: haptest.NewMemory(),
		OnWrite: func(_ context.Context, w homekit.Write) (any, homekit.Status) {
			if w.IID == target {
				fmt.Println("bolt to", w.Value)
				if srv.Publish(homekit.Value{AID: 1, IID: target, Value: w.Value}, homekit.Value{AID: 1, IID: current, Value: w.Value}) != nil {
					return nil, homekit.StatusNoCommunication
				}
			}
			return nil, homekit.StatusOK
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := srv.SetAccessories([]*accessory.A{lock}); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := srv.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Stop(ctx)

	phone, err := haptest.Dial(ctx, srv.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer phone.Close()
	home, err := phone.PairSetup(srv.SetupCode())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := phone.PairVerify(home); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := phone.Put(haptest.Put{AID: 1, IID: target, Value: 1}); err != nil {
		fmt.Println(err)
		return
	}
	state, err := phone.Get(haptest.ID{AID: 1, IID: current})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("bolt is %s\n", state[0].Value)
	// Output:
	// bolt to 1
	// bolt is 1
}
